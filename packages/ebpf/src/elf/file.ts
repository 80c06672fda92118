/**
 * A reader for ELF64 relocatable files. Nothing is copied: sections are views of the caller's bytes.
 *
 * Files may be damaged or made to harm. Every offset and size is checked before use, and a file whose sections
 * overlap is refused, so that what is built from a file stays within a small multiple of its size.
 */
import { FormatError } from '../errors.js';
import {
  ElfClass64,
  ElfData,
  ElfMachine,
  ElfTypeRelocatable,
  SectionIndex,
  SectionType,
} from './elf-constants.js';

/** A section's header with its name. */
export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  /** File offset in bytes. */
  readonly offset: number;
  /** Bytes; for SHT_NOBITS they take no room in the file. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** STT_*. */
  readonly type: number;
  /** STB_*. */
  readonly bind: number;
  /** STV_*. */
  readonly visibility: number;
  /** Index of the section that defines it; 0 if it is external. */
  readonly section: number;
  /** Byte offset in that section. */
  readonly value: number;
  readonly size: number;
}

export interface Relocation {
  /** Byte offset in the section that is relocated. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
  /** Present in RELA sections; in REL sections the addend lies in the relocated bytes. */
  readonly addend: number | undefined;
}

/** Longest name accepted. The kernel's own limit for a symbol is 512. */
const MAX_NAME_LENGTH = 1024;
const fileHeaderSize = 64;
const sectionHeaderSize = 64;
const symbolSize = 24;

const decoder = new TextDecoder();

/** An ELF64 relocatable file for BPF (or for no machine, as very old compilers marked it). */
export class ElfFile {
  readonly littleEndian: boolean;
  readonly sections: readonly Section[];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #byName = new Map<string, Section>();
  #symbols: readonly ElfSymbol[] | undefined;

  /** @throws FormatError if the bytes are not such a file, or if a header points out of it. */
  static parse(bytes: Uint8Array): ElfFile {
    return new ElfFile(bytes);
  }

  private constructor(bytes: Uint8Array) {
    // A plain Uint8Array even if a Buffer is given, as that one's slice() would not copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.littleEndian = this.#readIdentification();
    this.sections = this.#readSections();
    for (const section of this.sections) {
      if (!this.#byName.has(section.name)) this.#byName.set(section.name, section);
    }
  }

  /** The section's bytes, as a view of the file; empty for SHT_NOBITS. */
  data(section: Section): Uint8Array {
    if (section.type === SectionType.nobits) return this.#bytes.subarray(0, 0);
    return this.#bytes.subarray(section.offset, section.offset + section.size);
  }

  /** The first section of that name. */
  section(name: string): Section | undefined {
    return this.#byName.get(name);
  }

  /** All symbols by index, the null symbol included; empty if the file has no symbol table. */
  get symbols(): readonly ElfSymbol[] {
    this.#symbols ??= this.#readSymbols();
    return this.#symbols;
  }

  /** The entries of a SHT_REL or SHT_RELA section, in file order. */
  relocations(section: Section): Relocation[] {
    const isRela = section.type === SectionType.rela;
    const entrySize = isRela ? 24 : 16;
    const count = this.#entryCount(section, entrySize);
    const relocations: Relocation[] = [];
    for (let i = 0; i < count; i++) {
      const at = section.offset + i * entrySize;
      const type = this.#u32(this.littleEndian ? at + 8 : at + 12);
      const symbolIndex = this.#u32(this.littleEndian ? at + 12 : at + 8);
      const symbol = this.symbols[symbolIndex];
      if (symbol === undefined) {
        throw new FormatError(
          `relocation at offset ${at} names symbol ${symbolIndex} of ${this.symbols.length}`,
        );
      }
      relocations.push({
        offset: this.#size(at, 'relocation offset'),
        type,
        symbol,
        addend: isRela ? this.#addend(at + 16) : undefined,
      });
    }
    return relocations;
  }

  /** Checks the file's first bytes. @returns whether the file is little-endian. */
  #readIdentification(): boolean {
    const bytes = this.#bytes;
    if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
      throw new FormatError('not an ELF file: the magic number at offset 0 is missing');
    }
    if (bytes.length < fileHeaderSize) {
      throw new FormatError(
        `truncated ELF file: ${bytes.length} bytes, the header alone takes ${fileHeaderSize}`,
      );
    }
    if (bytes[4] !== ElfClass64) throw new FormatError(`not an ELF64 file: class ${bytes[4]} at offset 4`);
    if (bytes[5] !== ElfData.little && bytes[5] !== ElfData.big) {
      throw new FormatError(`unknown ELF byte order ${bytes[5]} at offset 5`);
    }
    const littleEndian = bytes[5] === ElfData.little;
    const type = this.#view.getUint16(16, littleEndian);
    const machine = this.#view.getUint16(18, littleEndian);
    if (machine !== ElfMachine.bpf && machine !== ElfMachine.none) {
      throw new FormatError(`not a BPF object: ELF machine ${machine} at offset 18`);
    }
    if (type !== ElfTypeRelocatable)
      throw new FormatError(`not a relocatable ELF file: type ${type} at offset 16`);
    return littleEndian;
  }

  #readSections(): Section[] {
    const tableOffset = this.#size(40, 'section header offset');
    if (tableOffset === 0) return [];
    if (this.#u16(58) !== sectionHeaderSize) {
      throw new FormatError(
        `section headers of ${this.#u16(58)} bytes at offset 58, expected ${sectionHeaderSize}`,
      );
    }
    // A file with too many sections for 16 bits keeps the true numbers in the first header.
    this.#check(tableOffset, sectionHeaderSize, 'section headers');
    const count = this.#u16(60) || this.#size(tableOffset + 32, 'number of sections');
    this.#check(tableOffset, count * sectionHeaderSize, 'section headers');
    const shortNameTable = this.#u16(62);
    const nameTable = shortNameTable === 0xffff ? this.#u32(tableOffset + 40) : shortNameTable;
    if (nameTable >= count) throw new FormatError(`section names lie in section ${nameTable} of ${count}`);
    const names = this.#readSection(tableOffset, nameTable);

    const sections: Section[] = [];
    let total = 0;
    for (let index = 0; index < count; index++) {
      const section = this.#readSection(tableOffset, index);
      if (section.type !== SectionType.nobits && section.type !== SectionType.null) total += section.size;
      const name = this.#string(names, this.#u32(tableOffset + index * sectionHeaderSize));
      sections.push({ ...section, name });
    }
    if (total > this.#bytes.length) {
      throw new FormatError(
        `sections overlap: together they hold ${total} bytes of a file of ${this.#bytes.length}`,
      );
    }
    return sections;
  }

  #readSection(tableOffset: number, index: number): Section {
    const at = tableOffset + index * sectionHeaderSize;
    const type = this.#u32(at + 4);
    const section = {
      index,
      name: '',
      type,
      flags: this.#view.getBigUint64(at + 8, this.littleEndian),
      offset: this.#size(at + 24, 'section offset'),
      size: this.#size(at + 32, 'section size'),
      link: this.#u32(at + 40),
      info: this.#u32(at + 44),
      entrySize: this.#size(at + 56, 'section entry size'),
    };
    if (type !== SectionType.nobits && type !== SectionType.null) {
      this.#check(section.offset, section.size, `section ${index}`);
    }
    return section;
  }

  #readSymbols(): ElfSymbol[] {
    const table = this.sections.find((section) => section.type === SectionType.symtab);
    if (table === undefined) return [];
    const strings = this.sections[table.link];
    if (strings === undefined || strings.type !== SectionType.strtab) {
      throw new FormatError(`symbol names lie in section ${table.link}, which is no string table`);
    }
    const count = this.#entryCount(table, symbolSize);
    const symbols: ElfSymbol[] = [];
    for (let index = 0; index < count; index++) symbols.push(this.#readSymbol(table, strings, index));
    return symbols;
  }

  #readSymbol(table: Section, strings: Section, index: number): ElfSymbol {
    const at = table.offset + index * symbolSize;
    const info = this.#bytes[at + 4]!;
    const section = this.#u16(at + 6);
    if (section >= this.sections.length && section < SectionIndex.loReserve) {
      throw new FormatError(`symbol at offset ${at} lies in section ${section} of ${this.sections.length}`);
    }
    return {
      index,
      name: this.#string(strings, this.#u32(at)),
      type: info & 0xf,
      bind: info >> 4,
      visibility: this.#bytes[at + 5]! & 3,
      section,
      value: this.#size(at + 8, 'symbol value'),
      size: this.#size(at + 16, 'symbol size'),
    };
  }

  #entryCount(section: Section, entrySize: number): number {
    if (section.entrySize !== entrySize || section.size % entrySize !== 0) {
      throw new FormatError(
        `section ${section.name} at offset ${section.offset} has ${section.size} bytes in entries of ` +
          `${section.entrySize}, expected entries of ${entrySize}`,
      );
    }
    return section.size / entrySize;
  }

  #string(table: Section, offset: number): string {
    const bytes = this.data(table);
    if (offset >= bytes.length) {
      if (offset === 0) return '';
      throw new FormatError(
        `string at ${offset} of a string table of ${bytes.length} bytes at offset ${table.offset}`,
      );
    }
    const end = bytes.subarray(offset, offset + MAX_NAME_LENGTH + 1).indexOf(0);
    if (end === -1) {
      const at = table.offset + offset;
      throw new FormatError(
        `string at offset ${at} has no end within its table and ${MAX_NAME_LENGTH} bytes`,
      );
    }
    return end === 0 ? '' : decoder.decode(bytes.subarray(offset, offset + end));
  }

  #check(offset: number, size: number, what: string): void {
    if (offset + size > this.#bytes.length) {
      throw new FormatError(
        `${what}: ${size} bytes at offset ${offset} reach past the end of the file (${this.#bytes.length} bytes)`,
      );
    }
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.littleEndian);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.littleEndian);
  }

  /** A 64-bit number that has to be an offset or a size: below 2^53, so that it is exact. */
  #size(at: number, what: string): number {
    const value = this.#view.getBigUint64(at, this.littleEndian);
    if (value > Number.MAX_SAFE_INTEGER) throw new FormatError(`${what} ${value} at offset ${at} is absurd`);
    return Number(value);
  }

  #addend(at: number): number {
    const value = this.#view.getBigInt64(at, this.littleEndian);
    if (value !== BigInt.asIntN(32, value)) {
      throw new FormatError(`relocation addend ${value} at offset ${at} does not fit into 32 bits`);
    }
    return Number(value);
  }
}
