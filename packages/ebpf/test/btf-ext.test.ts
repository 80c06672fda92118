import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtfBuilder } from '../src/btf/builder.js';
import { CoreKind, parseBtfExt } from '../src/btf/ext.js';
import type { Btf } from '../src/btf/parse.js';
import { Kind } from '../src/btf/types.js';
import { FormatError } from '../src/errors.js';

/** BTF whose strings are `xdp` and `0:1`. */
function strings(): { btf: Btf; section: number; access: number } {
  const builder = new BtfBuilder();
  builder.add({ kind: Kind.fwd, name: 'xdp', union: false });
  builder.add({ kind: Kind.fwd, name: '0:1', union: false });
  return { btf: builder.build(), section: 1, access: 5 };
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return bytes;
}

function extension(func: number[], line: number[], core: number[]): Uint8Array {
  const [f, l, c] = [func.length * 4, line.length * 4, core.length * 4];
  return words(0x1eb9f, 32, 0, f, f, l, f + l, c, ...func, ...line, ...core);
}

test('each part is read by its own record size', () => {
  const { btf, section, access } = strings();
  const bytes = extension(
    [8, section, 2, 0, 1, 64, 2],
    // Two words that this library does not know.
    [24, section, 1, 8, 1, 5, (12 << 10) | 3, 0xdead, 0xbeef],
    [16, section, 1, 16, 1, access, CoreKind.fieldSigned, section, 1, 24, 2, access, CoreKind.typeSize],
  );
  const ext = parseBtfExt(bytes, btf);
  assert.deepEqual(ext.funcInfo.get('xdp'), [
    { offset: 0, typeId: 1 },
    { offset: 64, typeId: 2 },
  ]);
  assert.deepEqual(ext.lineInfo.get('xdp'), [
    { offset: 8, fileNameOffset: 1, lineOffset: 5, lineColumn: (12 << 10) | 3 },
  ]);
  const common = { accessStringOffset: access, accessString: '0:1' };
  assert.deepEqual(ext.coreRelocations.get('xdp'), [
    { offset: 16, typeId: 1, ...common, kind: CoreKind.fieldSigned },
    { offset: 24, typeId: 2, ...common, kind: CoreKind.typeSize },
  ]);
});

test('headers without a CO-RE part are accepted', () => {
  const { btf, section } = strings();
  const bytes = words(0x1eb9f, 24, 0, 20, 20, 0, 8, section, 1, 0, 1);
  const ext = parseBtfExt(bytes, btf);
  assert.equal(ext.funcInfo.get('xdp')?.length, 1);
  assert.equal(ext.coreRelocations.size, 0);
});

test('damaged sections end in a FormatError, at every length and with any byte changed', () => {
  const { btf, section, access } = strings();
  const bytes = extension(
    [8, section, 1, 0, 1],
    [16, section, 1, 0, 1, 1, 1],
    [16, section, 1, 0, 1, access, 0],
  );
  const attempt = (damaged: Uint8Array) => {
    try {
      parseBtfExt(damaged, btf);
    } catch (error) {
      assert(error instanceof FormatError, String(error));
    }
  };
  for (let length = 0; length < bytes.length; length++) attempt(bytes.slice(0, length));
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[at] = value;
      attempt(damaged);
    }
  }
  assert.throws(() => parseBtfExt(bytes.slice(0, 60), btf), FormatError);
});
