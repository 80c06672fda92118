import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SectionType, SymbolType } from '../src/elf/elf-constants.js';
import { ElfFile } from '../src/elf/file.js';
import { FormatError } from '../src/errors.js';
import { compileBpf } from './support/compile-bpf.js';
import { testObject } from './support/objects.js';

/** A copy with a 16-, 32- or 64-bit little-endian field overwritten. */
function changed(bytes: Uint8Array, offset: number, size: 2 | 4 | 8, value: bigint): Uint8Array {
  const copy = new Uint8Array(bytes);
  const view = new DataView(copy.buffer);
  if (size === 2) view.setUint16(offset, Number(value), true);
  else if (size === 4) view.setUint32(offset, Number(value), true);
  else view.setBigUint64(offset, value, true);
  return copy;
}

describe('ElfFile', () => {
  const bytes = new Uint8Array(testObject('object/everything'));
  const headers = Number(new DataView(bytes.buffer).getBigUint64(40, true));

  it('lists sections, symbols and relocations', () => {
    const elf = ElfFile.parse(bytes);
    assert.equal(elf.littleEndian, true);
    assert.equal(elf.sections[0]!.type, SectionType.null);
    const socket = elf.section('socket')!;
    const entry = elf.symbols.find((symbol) => symbol.name === 'entry')!;
    assert.equal(entry.type, SymbolType.func);
    assert.equal(entry.section, socket.index);
    assert.ok(entry.size > 0 && entry.value + entry.size <= socket.size);
    const relocations = elf.relocations(elf.section('.relsocket')!);
    assert.ok(relocations.some(({ symbol }) => symbol.name === 'table'));
    assert.ok(relocations.every(({ offset, addend }) => offset % 8 === 0 && addend === undefined));
  });

  it('gives views of the file, not copies', () => {
    const elf = ElfFile.parse(bytes);
    const data = elf.data(elf.section('socket')!);
    assert.equal(data.buffer, bytes.buffer);
    assert.equal(elf.data(elf.section('.bss')!).length, 0);
  });

  it('reads files that begin within a larger buffer', () => {
    const buffer = new Uint8Array(bytes.length + 9);
    buffer.set(bytes, 5);
    const elf = ElfFile.parse(buffer.subarray(5, 5 + bytes.length));
    assert.deepEqual(elf.sections, ElfFile.parse(bytes).sections);
    assert.deepEqual(elf.symbols, ElfFile.parse(bytes).symbols);
  });

  it('reads big-endian files', () => {
    using object = compileBpf('object/everything.bpf.c', '--target=bpfeb', '-mcpu=v2');
    const elf = ElfFile.parse(object.bytes);
    assert.equal(elf.littleEndian, false);
    const little = ElfFile.parse(bytes);
    const described = (file: ElfFile) => file.symbols.filter(({ type }) => type === SymbolType.object);
    assert.deepEqual(
      described(elf).map(({ name, size }) => [name, size]),
      described(little).map(({ name, size }) => [name, size]),
    );
    assert.deepEqual(
      elf.relocations(elf.section('.relsocket')!).map(({ symbol, offset }) => [symbol.name, offset]),
      little.relocations(little.section('.relsocket')!).map(({ symbol, offset }) => [symbol.name, offset]),
    );
  });

  const damages: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /magic number at offset 0/],
    ['a truncated header', bytes.subarray(0, 40), /truncated ELF file: 40 bytes/],
    ['a 32-bit file', changed(bytes, 4, 2, 0x0101n), /not an ELF64 file: class 1 at offset 4/],
    ['another machine', changed(bytes, 18, 2, 62n), /ELF machine 62 at offset 18/],
    ['an executable', changed(bytes, 16, 2, 2n), /type 2 at offset 16/],
    ['a section table past the end', changed(bytes, 40, 8, 1n << 40n), /reach past the end of the file/],
    ['an absurd offset', changed(bytes, 40, 8, 0xffff_ffff_ffff_ffffn), /absurd/],
    [
      'more sections than the file has room for',
      changed(bytes, 60, 2, 0xfff0n),
      /section headers: \d+ bytes/,
    ],
    [
      'names in a section that is not there',
      changed(bytes, 62, 2, 0xffn),
      /section names lie in section 255/,
    ],
    [
      'a section past the end',
      changed(bytes, headers + 64 + 32, 8, 1n << 32n),
      /section 1: 4294967296 bytes/,
    ],
    ['a name past its table', changed(bytes, headers + 64, 4, 0xffff_ff00n), /string at 4294967040/],
  ];
  for (const [what, damaged, message] of damages) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => ElfFile.parse(damaged),
        (error: unknown) => error instanceof FormatError && message.test(error.message),
      );
    });
  }

  it('refuses sections that share bytes', () => {
    const elf = ElfFile.parse(bytes);
    const views = elf.sections.filter(({ type }) => type === SectionType.progbits);
    let copy: Uint8Array = bytes;
    for (const { index } of views) {
      copy = changed(copy, headers + index * 64 + 24, 8, 0n);
      copy = changed(copy, headers + index * 64 + 32, 8, BigInt(bytes.length));
    }
    assert.throws(() => ElfFile.parse(copy), /sections overlap/);
  });

  it('keeps the true number of sections in the first header when 16 bits do not hold it', () => {
    const count = BigInt(new DataView(bytes.buffer).getUint16(60, true));
    const extended = changed(changed(bytes, 60, 2, 0n), headers + 32, 8, count);
    assert.equal(ElfFile.parse(extended).sections.length, Number(count));
  });
});
