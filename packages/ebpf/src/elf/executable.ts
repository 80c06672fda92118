/**
 * Executables and shared libraries, of which only the parts that are asked for are read: 64-bit, little-endian. Layout: the System V gABI,
 * and the GNU extensions for versions of symbols, build ids and debug links.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FormatError } from '../errors.js';
import { SectionType } from './elf-constants.js';

/** A section of an executable. */
export interface ExecutableSection {
  readonly name: string;
  readonly type: number;
  /** The address at which it is linked; 0 if it is not loaded. */
  readonly address: number;
  /** Bytes from the start of the file, and their number. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

/** A part of the file that is loaded: PT_LOAD. */
export interface Segment {
  readonly address: number;
  readonly offset: number;
  /** Bytes in the file; in memory there may be more. */
  readonly fileSize: number;
  readonly isExecutable: boolean;
}

/** A function that a file defines. */
export interface FunctionSymbol {
  readonly name: string;
  /** The version, of dynamic symbols that have one: `GLIBC_2.34`. */
  readonly version?: string;
  /** Whether those who name no version mean this one. */
  readonly isDefault: boolean;
  /** STB_*. */
  readonly bind: number;
  /** The address at which it is linked. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** An ELF note. */
export interface Note {
  readonly owner: string;
  readonly type: number;
  readonly bytes: Buffer;
}

/** Sections of GNU's, by type. */
const Gnu = { versionDefinitions: 0x6fff_fffd, versionOfSymbols: 0x6fff_ffff } as const;
const SHT_DYNSYM = 11;
const SHT_NOTE = 7;
const ET_EXEC = 2;
const PT_LOAD = 1;
const PF_X = 1;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const NT_GNU_BUILD_ID = 3;
const HIDDEN_VERSION = 0x8000;
const headerSize = 64;
const sectionHeaderSize = 64;
const segmentHeaderSize = 56;
const symbolSize = 24;
/** Tables of symbols of the largest programs have a few hundred MB. */
const MAX_SIZE = 2 ** 30;

/** An open executable; dispose of it to close the file. */
export class ExecutableFile implements Disposable {
  readonly path: string;
  /** Whether it runs at the addresses at which it is linked: ET_EXEC, not a library or position-independent. */
  readonly hasFixedAddresses: boolean;
  readonly sections: readonly ExecutableSection[];
  readonly segments: readonly Segment[];
  readonly #fd: number;
  readonly #fileSize: number;

  /** @throws FormatError for a file of another kind, or a damaged one; the file system's error if it cannot be opened. */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'r');
    try {
      this.#fileSize = fstatSync(this.#fd).size;
      const header = this.read(0, headerSize);
      if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1)
        throw new FormatError(`${path} is no 64-bit little-endian ELF file`);
      this.hasFixedAddresses = header.readUInt16LE(16) === ET_EXEC;
      this.segments = this.#readSegments(header);
      this.sections = this.#readSections(header);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  section(name: string): ExecutableSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /** The bytes of a section; empty if it has none in the file. */
  data({ type, offset, size }: Omit<ExecutableSection, 'name'>): Buffer {
    return type === SectionType.nobits ? Buffer.alloc(0) : this.read(offset, size);
  }

  /** Whether the file has the symbols of all its functions, not only of those that others may call. */
  get hasSymbolTable(): boolean {
    return this.sections.some(({ type }) => type === SectionType.symtab);
  }

  /**
   * The functions that the file defines, dynamic symbols first.
   * @param name Only those of this name, of whatever version: large programs have hundreds of thousands.
   * @throws FormatError
   */
  *functions(name?: string): Generator<FunctionSymbol, void, undefined> {
    for (const type of [SHT_DYNSYM, SectionType.symtab]) {
      const table = this.sections.find((section) => section.type === type);
      if (table !== undefined) yield* this.#functionsOf(table, name);
    }
  }

  /**
   * The place in the file of what lies at an address once it is loaded.
   * @param what Names it in the error.
   * @throws FormatError where nothing of the file is loaded there.
   */
  fileOffset(address: number, what: string): number {
    const segment = this.segments.find(
      ({ address: start, fileSize }) => address >= start && address < start + fileSize,
    );
    if (segment !== undefined) return address - segment.address + segment.offset;
    throw new FormatError(`${this.path}: ${what} lies in no segment that is loaded`);
  }

  /** The notes of a section; all notes without one. @throws FormatError */
  *notes(name?: string): Generator<Note, void, undefined> {
    for (const section of this.sections) {
      if (section.type !== SHT_NOTE || (name !== undefined && section.name !== name)) continue;
      yield* notesIn(this.data(section), `${this.path}: ${section.name}`);
    }
  }

  /** The hash by which its debug file is found, in hexadecimal. */
  get buildId(): string | undefined {
    for (const { owner, type, bytes } of this.notes('.note.gnu.build-id'))
      if (owner === 'GNU' && type === NT_GNU_BUILD_ID) return bytes.toString('hex');
    return undefined;
  }

  /** The name of its debug file, and the CRC-32 of that. */
  get debugLink(): { readonly name: string; readonly checksum: number } | undefined {
    const section = this.section('.gnu_debuglink');
    if (section === undefined) return undefined;
    const bytes = this.data(section);
    const end = bytes.indexOf(0);
    const checksum = (end + 4) & ~3;
    if (end <= 0 || checksum + 4 > bytes.length)
      throw new FormatError(`${this.path}: .gnu_debuglink is damaged`);
    return { name: bytes.toString('utf8', 0, end), checksum: bytes.readUInt32LE(checksum) };
  }

  /** @throws FormatError where the file ends before. */
  read(offset: number, size: number): Buffer {
    if (!Number.isSafeInteger(offset) || size < 0 || size > MAX_SIZE || offset + size > this.#fileSize)
      throw new FormatError(`${this.path}: ${size} bytes at ${offset} of a file of ${this.#fileSize}`);
    const bytes = Buffer.alloc(size);
    let done = 0;
    while (done < size) {
      const count = readSync(this.#fd, bytes, done, size - done, offset + done);
      if (count === 0) throw new FormatError(`${this.path} ends before ${offset + size} bytes`);
      done += count;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #readSegments(header: Buffer): Segment[] {
    const size = header.readUInt16LE(54);
    const count = header.readUInt16LE(56);
    if (count === 0 || size < segmentHeaderSize) return [];
    const table = this.read(u64(header, 32), size * count);
    const segments: Segment[] = [];
    for (let at = 0; at < table.length; at += size) {
      if (table.readUInt32LE(at) !== PT_LOAD) continue;
      const isExecutable = (table.readUInt32LE(at + 4) & PF_X) !== 0;
      const [offset, address, fileSize] = [u64(table, at + 8), u64(table, at + 16), u64(table, at + 32)];
      segments.push({ address, offset, fileSize, isExecutable });
    }
    return segments;
  }

  #readSections(header: Buffer): ExecutableSection[] {
    const size = header.readUInt16LE(58);
    const start = u64(header, 40);
    if (start === 0 || size < sectionHeaderSize) return [];
    // Numbers that need more than 16 bits are in the first header.
    const first = this.read(start, size);
    const count = header.readUInt16LE(60) || u64(first, 32);
    const shortIndex = header.readUInt16LE(62);
    const nameIndex = shortIndex === 0xffff ? first.readUInt32LE(40) : shortIndex;
    const table = this.read(start, size * count);
    const unnamed = Array.from({ length: count }, (_, i) => sectionAt(table, i * size));
    const strings = unnamed[nameIndex];
    const names = strings === undefined ? Buffer.alloc(0) : this.data(strings);
    return unnamed.map((section, i) => ({ ...section, name: text(names, table.readUInt32LE(i * size)) }));
  }

  *#functionsOf(table: ExecutableSection, wanted?: string): Generator<FunctionSymbol, void, undefined> {
    const strings = this.sections[table.link];
    if (strings === undefined) return;
    const entries = this.data(table);
    const names = this.data(strings);
    const places = wanted === undefined ? undefined : placesOf(wanted, names);
    if (places?.size === 0) return;
    const versionOf = table.type === SHT_DYNSYM ? this.#versions() : () => undefined;
    for (let at = 0; at + symbolSize <= entries.length; at += symbolSize) {
      const info = entries[at + 4]!;
      const kind = info & 0xf;
      // Section 0: it is used here, and defined elsewhere.
      if ((kind !== STT_FUNC && kind !== STT_GNU_IFUNC) || entries.readUInt16LE(at + 6) === 0) continue;
      const place = entries.readUInt32LE(at);
      if (places?.has(place) === false) continue;
      const { name, version } = splitVersion(text(names, place));
      const given = versionOf(at / symbolSize) ?? version;
      yield {
        ...{ name, isDefault: given?.isDefault ?? true, bind: info >> 4 },
        ...(given === undefined ? {} : { version: given.name }),
        ...{ address: u64(entries, at + 8), size: u64(entries, at + 16) },
      };
    }
  }

  /** The versions of dynamic symbols by their index. */
  #versions(): (index: number) => Version | undefined {
    const ofSymbols = this.sections.find(({ type }) => type === Gnu.versionOfSymbols);
    const definitions = this.sections.find(({ type }) => type === Gnu.versionDefinitions);
    const strings = definitions && this.sections[definitions.link];
    if (ofSymbols === undefined || definitions === undefined || strings === undefined) return () => undefined;
    const numbers = this.data(ofSymbols);
    const names = versionNames(this.data(definitions), this.data(strings));
    return (index) => {
      if (2 * index + 2 > numbers.length) return undefined;
      const number = numbers.readUInt16LE(2 * index);
      const name = names.get(number & ~HIDDEN_VERSION);
      return name === undefined ? undefined : { name, isDefault: (number & HIDDEN_VERSION) === 0 };
    };
  }
}

interface Version {
  readonly name: string;
  readonly isDefault: boolean;
}

/** Where strings begin that are a name, or have it before a version. One may be the end of another. */
function placesOf(name: string, strings: Buffer): ReadonlySet<number> {
  const bytes = Buffer.from(name);
  const places = new Set<number>();
  if (bytes.length === 0) return places;
  for (let at = strings.indexOf(bytes); at >= 0; at = strings.indexOf(bytes, at + 1)) {
    const next = strings[at + bytes.length];
    if (next === 0 || next === 0x40 || next === undefined) places.add(at);
  }
  return places;
}

/** `name@VERSION`, and `name@@VERSION` for the default, as symbol tables have them. */
function splitVersion(symbol: string): { readonly name: string; readonly version?: Version } {
  const at = symbol.indexOf('@');
  if (at <= 0) return { name: symbol };
  const isDefault = symbol[at + 1] === '@';
  return {
    name: symbol.slice(0, at),
    version: { name: symbol.slice(at + (isDefault ? 2 : 1)), isDefault },
  };
}

/** The names of versions by number: a list of struct Elf64_Verdef, each followed by its names. */
function versionNames(definitions: Buffer, strings: Buffer): Map<number, string> {
  const names = new Map<number, string>();
  for (let at = 0; at + 20 <= definitions.length; ) {
    const name = at + definitions.readUInt32LE(at + 12);
    // 1: the name of the file itself, which is no version.
    const isBase = (definitions.readUInt16LE(at + 2) & 1) !== 0;
    if (!isBase && name + 4 <= definitions.length)
      names.set(definitions.readUInt16LE(at + 4), text(strings, definitions.readUInt32LE(name)));
    const next = definitions.readUInt32LE(at + 16);
    if (next === 0) break;
    at += next;
  }
  return names;
}

function sectionAt(table: Buffer, at: number): Omit<ExecutableSection, 'name'> {
  return {
    ...{ type: table.readUInt32LE(at + 4), address: u64(table, at + 16) },
    ...{ offset: u64(table, at + 24), size: u64(table, at + 32) },
    ...{ link: table.readUInt32LE(at + 40), info: table.readUInt32LE(at + 44) },
  };
}

/** @param where Names the place in errors. @throws FormatError */
export function* notesIn(bytes: Buffer, where: string): Generator<Note, void, undefined> {
  for (let at = 0; at + 12 <= bytes.length; ) {
    const [nameSize, size] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    const start = at + 12 + align(nameSize);
    if (start + size > bytes.length)
      throw new FormatError(`${where}: the note at ${at} reaches past its end`);
    yield {
      owner: text(bytes.subarray(at + 12, at + 12 + nameSize), 0),
      type: bytes.readUInt32LE(at + 8),
      bytes: bytes.subarray(start, start + size),
    };
    at = start + align(size);
  }
}

function align(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function text(bytes: Buffer, start: number): string {
  if (start >= bytes.length) return '';
  const end = bytes.indexOf(0, start);
  return bytes.toString('utf8', start, end < 0 ? bytes.length : end);
}

/** Numbers beyond 2^53 are addresses or sizes that no file has; reading there fails. */
function u64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
