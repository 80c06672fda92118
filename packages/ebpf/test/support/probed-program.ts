/**
 * An executable for this machine with functions and static probes, made byte by byte: for each byte that it reads from its standard input it
 * calls its function `fire`. The places of everything are known.
 */

import { data, dataAddress, probedCode, textAddress } from './probed-code.js';

/** Parts that a file may lack. */
export interface ProbedOptions {
  readonly symbols?: boolean;
  /** The build id in hexadecimal. */
  readonly buildId?: string;
  readonly debugLink?: { readonly name: string; readonly checksum: number };
  /** Names of dynamic symbols with their versions, all of which stand for `fire` but those with an offset. */
  readonly versions?: readonly {
    readonly name: string;
    readonly version: string;
    readonly isDefault: boolean;
    readonly address?: number;
  }[];
  /** Shifts the addresses of the notes against the base that they name, as a prelinked file's. */
  readonly prelinked?: number;
}

const textOffset = 0x1000;
const dataOffset = 0x2000;

const le = (value: number, size = 4): number[] =>
  Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);

const { main, fireHead, nop } = probedCode;
const fire = main.length;
const counted = fire + fireHead.length;
const plain = counted + nop.length;
const idleStart = plain + nop.length + probedCode.return.length;

/** Bytes from the start of the file to what probes are put on. */
export const places = {
  fire: textOffset + fire,
  counted: textOffset + counted,
  plain: textOffset + plain,
  idle: textOffset + idleStart,
  semaphore: dataOffset + 0x10,
} as const;

/** The addresses of functions. */
export const addresses = { fire: textAddress + fire, idle: textAddress + idleStart } as const;

/** Values of the arguments of `weir:counted`; a fifth one is in a floating point register. */
export const argumentValues = { first: -7n, second: 0x1122334455667788n, third: 42n, fourth: -5n } as const;

/** Where the argument of `weir:twice` is at each of its two places: constants, 40 and 2. */
export const twiceArguments =
  process.arch === 'arm64' ? (['4@40', '8@2'] as const) : (['4@$40', '8@$2'] as const);

/** The file's bytes. */
export function probedProgram(options: ProbedOptions = {}): Buffer {
  const sections: {
    name: string;
    type: number;
    address?: number;
    body: Buffer;
    link?: number;
    info?: number;
  }[] = [
    { name: '', type: 0, body: Buffer.alloc(0) },
    { name: '.stapsdt.base', type: 1, address: textAddress, body: Buffer.alloc(1) },
    { name: '.note.stapsdt', type: 7, body: probeNotes(options.prelinked ?? 0) },
  ];
  const { symbols = true, buildId, debugLink, versions } = options;
  if (buildId !== undefined)
    sections.push({ name: '.note.gnu.build-id', type: 7, body: note('GNU', 3, Buffer.from(buildId, 'hex')) });
  if (debugLink !== undefined) sections.push({ name: '.gnu_debuglink', type: 1, body: linkTo(debugLink) });
  if (symbols) {
    const list = [
      { name: 'fire', address: addresses.fire },
      { name: 'idle', address: addresses.idle },
    ];
    sections.push(...symbolTable(2, '.symtab', '.strtab', list, sections.length));
  }
  if (versions !== undefined) sections.push(...versionedSymbols(versions, sections.length));
  return assemble(sections);
}

interface Named {
  readonly name: string;
  readonly address: number;
}

function symbolTable(type: number, name: string, strings: string, list: readonly Named[], index: number) {
  const names = stringTable(list.map((symbol) => symbol.name));
  const entries = [Buffer.alloc(24)];
  for (const { name: symbol, address } of list) {
    const entry = Buffer.alloc(24);
    entry.writeUInt32LE(names.at(symbol), 0);
    entry[4] = (1 << 4) | 2; // global function
    entry.writeUInt16LE(1, 6);
    entry.writeBigUInt64LE(BigInt(address), 8);
    entries.push(entry);
  }
  return [
    { name, type, body: Buffer.concat(entries), link: index + 1 },
    { name: strings, type: 3, body: names.bytes },
  ];
}

function versionedSymbols(versions: NonNullable<ProbedOptions['versions']>, index: number) {
  const list = versions.map(({ name, address = addresses.fire }) => ({ name, address }));
  const distinct = [...new Set(versions.map(({ version }) => version))];
  const names = stringTable(distinct);
  const numbers = Buffer.alloc(2 * (versions.length + 1));
  for (const [i, { version, isDefault }] of versions.entries())
    numbers.writeUInt16LE((distinct.indexOf(version) + 2) | (isDefault ? 0 : 0x8000), 2 * (i + 1));
  const definitions = distinct.map((version, i) => {
    const entry = Buffer.alloc(28);
    entry.writeUInt16LE(1, 0);
    entry.writeUInt16LE(i + 2, 4);
    entry.writeUInt16LE(1, 6);
    entry.writeUInt32LE(20, 12);
    entry.writeUInt32LE(i + 1 < distinct.length ? 28 : 0, 16);
    entry.writeUInt32LE(names.at(version), 20);
    return entry;
  });
  return [
    ...symbolTable(11, '.dynsym', '.dynstr', list, index),
    { name: '.gnu.version', type: 0x6fffffff, body: numbers, link: index },
    { name: '.gnu.version_d', type: 0x6ffffffd, body: Buffer.concat(definitions), link: index + 4 },
    { name: '.verstr', type: 3, body: names.bytes },
  ];
}

function stringTable(texts: readonly string[]): { readonly bytes: Buffer; at(text: string): number } {
  const starts = new Map<string, number>();
  let joined = '\0';
  for (const text of texts) {
    starts.set(text, joined.length);
    joined += `${text}\0`;
  }
  return { bytes: Buffer.from(joined), at: (text) => starts.get(text)! };
}

function probeNotes(moved: number): Buffer {
  const probe = (name: string, address: number, semaphore: number, places: string): Buffer => {
    const start = Buffer.alloc(24);
    start.writeBigUInt64LE(BigInt(address - moved), 0);
    start.writeBigUInt64LE(BigInt(textAddress - moved), 8);
    start.writeBigUInt64LE(BigInt(semaphore === 0 ? 0 : semaphore - moved), 16);
    return note('stapsdt', 3, Buffer.concat([start, Buffer.from(`weir\0${name}\0${places}\0`)]));
  };
  return Buffer.concat([
    probe('counted', textAddress + counted, data.semaphore, probedCode.places),
    probe('plain', textAddress + plain, 0, ''),
    // The program passes by the first place unless the semaphore is raised.
    probe('twice', textAddress + counted, data.semaphore, twiceArguments[0]),
    probe('twice', textAddress + plain, 0, twiceArguments[1]),
  ]);
}

function note(owner: string, type: number, body: Buffer): Buffer {
  const pad = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const name = Buffer.from(`${owner}\0`);
  return Buffer.concat([
    Buffer.from([...le(name.length), ...le(body.length), ...le(type)]),
    pad(name),
    pad(body),
  ]);
}

function linkTo({ name, checksum }: { readonly name: string; readonly checksum: number }): Buffer {
  const text = Buffer.from(`${name}\0`);
  return Buffer.concat([text, Buffer.alloc(-text.length & 3), Buffer.from(le(checksum))]);
}

interface BuiltSection {
  readonly name: string;
  readonly type: number;
  readonly address?: number;
  readonly body: Buffer;
  readonly link?: number;
}

function assemble(sections: readonly BuiltSection[]): Buffer {
  const names = stringTable([...sections.map(({ name }) => name), '.shstrtab']);
  const all = [...sections, { name: '.shstrtab', type: 3, body: names.bytes }];
  const code = Buffer.from([
    ...[...main, ...fireHead, ...nop, ...nop, ...probedCode.return],
    // A function that nothing calls.
    ...probedCode.return,
  ]);
  const variables = Buffer.alloc(0x28);
  variables.writeBigInt64LE(argumentValues.fourth, 0x18);
  variables.writeBigInt64LE(argumentValues.second, 0x20);
  const file: Buffer[] = [
    Buffer.alloc(textOffset),
    code,
    Buffer.alloc(dataOffset - textOffset - code.length),
    variables,
  ];
  let size = dataOffset + variables.length;
  const headers = all.map(({ name, type, address = 0, body, link = 0 }) => {
    const header = Buffer.alloc(64);
    header.writeUInt32LE(names.at(name) ?? 0, 0);
    header.writeUInt32LE(type, 4);
    header.writeBigUInt64LE(BigInt(address), 16);
    header.writeBigUInt64LE(BigInt(size), 24);
    header.writeBigUInt64LE(BigInt(body.length), 32);
    header.writeUInt32LE(link, 40);
    header.writeBigUInt64LE(type === 2 || type === 11 ? 24n : 0n, 56);
    file.push(body);
    size += body.length;
    return header;
  });
  const bytes = Buffer.concat([...file, ...headers]);
  writeHeader(bytes, size, all.length, code.length, variables.length);
  return bytes;
}

function writeHeader(
  file: Buffer,
  sections: number,
  count: number,
  codeSize: number,
  dataSize: number,
): void {
  // ELF64, little-endian, ET_EXEC.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(probedCode.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(textAddress), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeBigUInt64LE(BigInt(sections), 40);
  for (const [at, value] of [
    [52, 64],
    [54, 56],
    [56, 2],
    [58, 64],
    [60, count],
    [62, count - 1],
  ] as const)
    file.writeUInt16LE(value, at);
  const segment = (at: number, flags: number, offset: number, address: number, length: number): void => {
    file.writeUInt32LE(1, at);
    file.writeUInt32LE(flags, at + 4);
    for (const [i, value] of [offset, address, address, length, length, 0x1000].entries())
      file.writeBigUInt64LE(BigInt(value), at + 8 + 8 * i);
  };
  segment(64, 5, textOffset, textAddress, codeSize);
  segment(120, 6, dataOffset, dataAddress, dataSize);
}
