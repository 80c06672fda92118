/** Where a shared library's function lies in its file, for uprobes. */
import { readFileSync } from 'node:fs';

/** The path of a library that this process has mapped. */
export function mappedLibrary(name: RegExp): string {
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const path = line.slice(73).trim();
    if (name.test(path)) return path;
  }
  throw new Error(`no mapped file matches ${name}`);
}

/** File offset of a dynamic symbol in a 64-bit little-endian library. */
export function dynamicSymbolOffset(path: string, symbol: string): number {
  const file = readFileSync(path);
  const u64 = (at: number): number => Number(file.readBigUInt64LE(at));
  const headers = Array.from({ length: file.readUInt16LE(60) }, (_, i) => u64(40) + 64 * i);
  const table = headers.find((at) => file.readUInt32LE(at + 4) === 11 /* SHT_DYNSYM */)!;
  const strings = u64(headers[file.readUInt32LE(table + 40)]! + 24);
  for (let at = u64(table + 24); at < u64(table + 24) + u64(table + 32); at += 24) {
    const name = strings + file.readUInt32LE(at);
    if (file.toString('latin1', name, file.indexOf(0, name)) !== symbol) continue;
    const section = headers[file.readUInt16LE(at + 6)]!;
    if (file.readUInt16LE(at + 6) !== 0) return u64(at + 8) - u64(section + 16) + u64(section + 24);
  }
  throw new Error(`${path} defines no ${symbol}`);
}
