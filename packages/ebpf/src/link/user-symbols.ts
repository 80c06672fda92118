/** Functions of executable files and libraries: where they lie in the file. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { EbpfError, FormatError, SyscallError } from '../errors.js';
import { errnoOf } from '../features/kernel-files.js';

const libraryFolders: readonly string[] = [
  '/usr/local/lib',
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  `/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  ...['/usr/lib64', '/lib64', '/usr/lib', '/lib'],
];

/**
 * The file that a name stands for: a path as it is, a library's name where libraries lie, any other name where programs do.
 * @throws EbpfError where there is none.
 */
export function executablePath(name: string): string {
  if (name.includes('/')) {
    if (existsSync(name)) return name;
    throw new EbpfError(`there is no file ${name}`);
  }
  const isLibrary = /\.so(\.|$)/.test(name);
  const listed = (isLibrary ? process.env.LD_LIBRARY_PATH : process.env.PATH) ?? '';
  const usual = isLibrary ? libraryFolders : ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  const folders = [...listed.split(':').filter((folder) => folder !== ''), ...usual];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined)
    throw new EbpfError(`there is no file ${name} in ${[...new Set(folders)].join(', ')}`);
  return found;
}

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const PT_LOAD = 1;

/** Where a function's code lies in the file, in bytes. @throws EbpfError where the file defines no such function; FormatError; SyscallError */
export function symbolOffset(path: string, symbol: string): number {
  const file = new ElfImage(path);
  try {
    for (const type of [SHT_DYNSYM, SHT_SYMTAB]) {
      const address = file.functionAddress(type, symbol);
      if (address !== undefined) return file.fileOffset(address, symbol);
    }
    throw new EbpfError(
      `${path} defines no function ${symbol}${file.isStripped ? ' (it has no symbol table)' : ''}`,
    );
  } finally {
    file.close();
  }
}

interface Table {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** An executable or shared library of which only the parts that are asked for are read. */
class ElfImage {
  readonly #path: string;
  readonly #fd: number;
  readonly #tables: readonly Table[];
  readonly #header: Buffer;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, 'r');
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === constants.errno.ENOENT) throw new EbpfError(`there is no file ${path}`);
      throw new SyscallError('open', errno, path);
    }
    try {
      this.#header = this.#read(0, 64);
      if (this.#header.readUInt32BE(0) !== 0x7f454c46 || this.#header[4] !== 2 || this.#header[5] !== 1)
        throw new FormatError(`${path} is no 64-bit little-endian ELF file`);
      this.#tables = this.#readTables();
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  get isStripped(): boolean {
    return !this.#tables.some(({ type }) => type === SHT_SYMTAB);
  }

  functionAddress(type: number, symbol: string): number | undefined {
    const table = this.#tables.find((section) => section.type === type);
    const strings = table && this.#tables[table.link];
    if (table === undefined || strings === undefined) return undefined;
    const entries = this.#read(table.offset, table.size);
    const names = this.#read(strings.offset, strings.size);
    const wanted = Buffer.from(`${symbol}\0`);
    for (let at = 0; at + 24 <= entries.length; at += 24) {
      const kind = entries[at + 4]! & 0xf;
      // Section 0: it is used here, and defined elsewhere.
      if ((kind !== STT_FUNC && kind !== STT_GNU_IFUNC) || entries.readUInt16LE(at + 6) === 0) continue;
      const name = entries.readUInt32LE(at);
      const end = name + wanted.length;
      if (end <= names.length && wanted.compare(names, name, end) === 0)
        return Number(entries.readBigUInt64LE(at + 8));
    }
    return undefined;
  }

  /** The place in the file of what lies at an address once it is loaded. */
  fileOffset(address: number, symbol: string): number {
    const size = this.#header.readUInt16LE(54);
    const segments = this.#read(
      Number(this.#header.readBigUInt64LE(32)),
      size * this.#header.readUInt16LE(56),
    );
    for (let at = 0; at + 56 <= segments.length && size >= 56; at += size) {
      if (segments.readUInt32LE(at) !== PT_LOAD) continue;
      const start = Number(segments.readBigUInt64LE(at + 16));
      const length = Number(segments.readBigUInt64LE(at + 32));
      if (address >= start && address < start + length)
        return address - start + Number(segments.readBigUInt64LE(at + 8));
    }
    throw new FormatError(`${this.#path}: ${symbol} lies in no segment that is loaded`);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readTables(): Table[] {
    const size = this.#header.readUInt16LE(58);
    const count = this.#header.readUInt16LE(60);
    if (count === 0 || size < 64) return [];
    const headers = this.#read(Number(this.#header.readBigUInt64LE(40)), size * count);
    return Array.from({ length: count }, (_, i) => ({
      type: headers.readUInt32LE(i * size + 4),
      offset: Number(headers.readBigUInt64LE(i * size + 24)),
      size: Number(headers.readBigUInt64LE(i * size + 32)),
      link: headers.readUInt32LE(i * size + 40),
    }));
  }

  #read(offset: number, size: number): Buffer {
    if (!(Number.isSafeInteger(offset) && size >= 0 && size <= 1 << 30))
      throw new FormatError(`${this.#path}: ${size} bytes at ${offset} are absurd`);
    const bytes = Buffer.alloc(size);
    let done = 0;
    while (done < size) {
      const count = readSync(this.#fd, bytes, done, size - done, offset + done);
      if (count === 0) throw new FormatError(`${this.#path} ends before ${offset + size} bytes`);
      done += count;
    }
    return bytes;
  }
}
