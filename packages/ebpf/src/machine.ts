/** The machines that Weir runs on. */
import { endianness } from 'node:os';
import { EbpfError } from './errors.js';

/** A kind of machine, as Node.js names it. */
export interface Machine {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.arch`. */
  readonly architecture: string;
  /** As `os.endianness()`. */
  readonly byteOrder: 'LE' | 'BE';
}

/** The machine that runs this. */
export function thisMachine(): Machine {
  return { platform: process.platform, architecture: process.arch, byteOrder: endianness() };
}

/**
 * Refuses machines of another byte order: compiled programs, and what they share with this side, are little-endian.
 *
 * @throws EbpfError on a big-endian machine, in one line that names it.
 */
export function requireLittleEndian(machine: Machine = thisMachine()): void {
  if (machine.byteOrder === 'LE') return;
  throw new EbpfError(
    `${machine.platform}-${machine.architecture} is big-endian; Weir's kernel programs and files are ` +
      'little-endian: use an x64 or arm64 machine',
  );
}
