/** What the kernel tells about a loaded program: struct bpf_prog_info of include/uapi/linux/bpf.h. */
import { Attr, bpf } from '../sys/bpf.js';
import { Command } from '../sys/constants.js';

export interface ProgramInfo {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  readonly id: number;
  /** Hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  /** At most 15 bytes of the name; '' before 4.15. */
  readonly name: string;
  /** Bytes of verified instructions, and of machine code (0 if interpreted). */
  readonly xlatedLength: number;
  readonly jitedLength: number;
  /** Ids of the maps it uses (4.15). */
  readonly mapIds: readonly number[];
  /** The BTF it was loaded with; 0 if none (5.0). */
  readonly btfId: number;
  /** Time spent in it and how often it ran, while statistics were on (5.1). See {@link enableStats}. */
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
  /** Runs that were skipped because it was already running on that CPU (5.12). */
  readonly recursionMisses: bigint;
  /** How many instructions the verifier walked (5.16). */
  readonly verifiedInstructions: number;
}

const infoSize = 232;

function query(fd: number, info: Attr): void {
  // The kernel fills as much as it knows and leaves the rest zero.
  bpf(Command.objGetInfoByFd, new Attr(16).u32(0, fd).u32(4, infoSize).pointer(8, info.bytes));
}

/** Asks the kernel about a program. @throws SyscallError */
export function programInfo(fd: number): ProgramInfo {
  const info = new Attr(infoSize);
  query(fd, info);
  const bytes = Buffer.from(info.bytes.buffer);
  const name = bytes.toString('latin1', 64, 80);
  return {
    type: info.getU32(0),
    id: info.getU32(4),
    tag: bytes.toString('hex', 8, 16),
    name: name.slice(0, Math.max(name.indexOf('\0'), 0)),
    xlatedLength: info.getU32(20),
    jitedLength: info.getU32(16),
    mapIds: mapIds(fd, info.getU32(52)),
    btfId: info.getU32(128),
    runTimeNs: info.getU64(192),
    runCount: info.getU64(200),
    recursionMisses: info.getU64(208),
    verifiedInstructions: info.getU32(216),
  };
}

function mapIds(fd: number, count: number): number[] {
  if (count === 0) return [];
  const ids = new Uint32Array(count);
  const info = new Attr(infoSize).u32(52, count).pointer(56, new Uint8Array(ids.buffer));
  query(fd, info);
  return [...ids];
}

/**
 * The instructions as the verifier left them, with maps given by id and addresses masked. Empty where the kernel hides
 * them (kernel.bpf_jit_harden with kernel.kptr_restrict, or a process without the privileges to read them).
 */
export function translatedInstructions(fd: number): Uint8Array {
  const { xlatedLength } = programInfo(fd);
  const code = new Uint8Array(xlatedLength);
  const info = new Attr(infoSize).u32(20, xlatedLength).pointer(32, code);
  query(fd, info);
  // A kernel that hides the code sets the pointer to zero.
  return info.getU64(32) === 0n ? new Uint8Array() : code;
}
