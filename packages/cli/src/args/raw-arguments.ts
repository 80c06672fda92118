/** Arguments of the command line with the bytes that they were given by. */
import { readFileSync } from 'node:fs';
import { decodeBytes } from '@weir/ebpf/byte-text';

/** The same arguments; where Node.js has replaced bytes that are not UTF-8, read again (@weir/ebpf/byte-text). */
export function rawArguments(args: readonly string[], file = '/proc/self/cmdline'): readonly string[] {
  if (!args.some((argument) => argument.includes('\ufffd'))) return args;
  try {
    // Each ends with a NUL.
    const all = decodeBytes(readFileSync(file)).split('\0').slice(0, -1);
    return all.slice(all.length - args.length);
  } catch {
    return args;
  }
}
