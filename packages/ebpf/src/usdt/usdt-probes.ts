/**
 * The static probes of a file, as SystemTap's sys/sdt.h makes them: notes of the owner `stapsdt`, each with the address of an instruction that
 * does nothing, and the places of the arguments there.
 */
import { type ExecutableFile, notesIn } from '../elf/executable.js';
import { FormatError } from '../errors.js';
import { executablePath, openExecutable } from '../link/user-symbols.js';

/** One place of a static probe; a probe may have many. */
export interface UsdtProbe {
  readonly provider: string;
  readonly name: string;
  /** Bytes from the start of the file to the instruction. */
  readonly offset: number;
  /** The address at which the instruction is linked. */
  readonly address: number;
  /** Bytes from the start of the file to the counter that says whether anybody listens; absent if the probe has none. */
  readonly semaphoreOffset?: number;
  /** The places of the arguments as the assembler writes them, such as `-4@%edi 8@16(%rbp)`. */
  readonly arguments: string;
}

const NT_STAPSDT = 3;
/** Location, base and semaphore, in front of three texts. */
const ADDRESSES = 24;

/**
 * All static probes of a file.
 * @param path As {@link attachUprobe} takes it.
 * @param pid A name without a `/` is that of a file which this process runs.
 * @throws EbpfError where there is no such file; FormatError for a damaged one; SyscallError
 */
export function usdtProbes(path: string, pid?: number): UsdtProbe[] {
  using file = openExecutable(executablePath(path, pid));
  return probesOf(file);
}

/** @throws FormatError */
export function probesOf(file: ExecutableFile): UsdtProbe[] {
  const section = file.section('.note.stapsdt');
  if (section === undefined) return [];
  const base = file.section('.stapsdt.base')?.address;
  const probes: UsdtProbe[] = [];
  for (const { owner, type, bytes } of notesIn(file.data(section), `${file.path}: .note.stapsdt`))
    if (owner === 'stapsdt' && type === NT_STAPSDT) probes.push(probeIn(file, bytes, base));
  return probes;
}

function probeIn(file: ExecutableFile, bytes: Buffer, base: number | undefined): UsdtProbe {
  const texts = bytes.subarray(ADDRESSES).toString('utf8').split('\0');
  const [provider, name, places] = texts;
  if (bytes.length < ADDRESSES || provider === undefined || name === undefined || places === undefined)
    throw new FormatError(`${file.path}: a note of .note.stapsdt is too short`);
  // A file that was linked anew at another address (prelink) keeps its notes, and shows by the base how far it moved.
  const address = (at: number): number => Number(bytes.readBigUInt64LE(at));
  const moved = base === undefined ? 0 : base - address(8);
  const what = `probe ${provider}:${name}`;
  const semaphore = address(16);
  return {
    ...{ provider, name, arguments: places },
    ...{ address: address(0) + moved, offset: file.fileOffset(address(0) + moved, what) },
    ...(semaphore === 0
      ? {}
      : { semaphoreOffset: file.fileOffset(semaphore + moved, `the semaphore of ${what}`) }),
  };
}
