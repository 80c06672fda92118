/** The kernel's account of a loaded program, struct bpf_prog_info. */
import { infoAttr, kernelStruct, type StructValues } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Command } from '../uapi/commands.js';

/** The kernel's account of a program (4.13): struct bpf_prog_info of include/uapi/linux/bpf.h. */
export interface ProgramInfo {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** Unique among the programs that exist, from 1. */
  readonly id: number;
  /** Hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  /** At most 15 bytes of the name; '' before 4.15. */
  readonly name: string;
  /** Bytes of verified instructions. */
  readonly xlatedLength: number;
  /** Bytes of machine code; 0 if interpreted. */
  readonly jitedLength: number;
  /** Ids of the maps it uses (4.15). */
  readonly mapIds: readonly number[];
  /** The BTF it was loaded with; 0 if none (5.0). */
  readonly btfId: number;
  /** Time spent in it while statistics were on, nanoseconds (5.1). See {@link enableStats}. */
  readonly runTimeNs: bigint;
  /** Number of runs while statistics were on (5.1). */
  readonly runCount: bigint;
  /** Runs that were skipped because it was already running on that CPU (5.12). */
  readonly recursionMisses: bigint;
  /** How many instructions the verifier walked (5.16). */
  readonly verifiedInstructions: number;
}

/** struct bpf_prog_info. The kernel fills as much as it knows and leaves the rest zero. */
function query(fd: number, values: StructValues<'progInfo'> = {}) {
  const info = kernelStruct('progInfo', values);
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  return info;
}

/** Asks the kernel about a program. @throws SyscallError */
export function programInfo(fd: number): ProgramInfo {
  const info = query(fd);
  return {
    type: info.get('type'),
    id: info.get('id'),
    tag: Buffer.from(info.get('tag')).toString('hex'),
    name: info.text('name'),
    xlatedLength: info.get('xlatedProgLen'),
    jitedLength: info.get('jitedProgLen'),
    mapIds: mapIds(fd, info.get('nrMapIds')),
    btfId: info.get('btfId'),
    runTimeNs: info.get('runTimeNs'),
    runCount: info.get('runCnt'),
    recursionMisses: info.get('recursionMisses'),
    verifiedInstructions: info.get('verifiedInsns'),
  };
}

function mapIds(fd: number, count: number): number[] {
  if (count === 0) return [];
  const ids = new Uint32Array(count);
  query(fd, { nrMapIds: count, mapIds: new Uint8Array(ids.buffer) });
  return [...ids];
}

/**
 * The instructions as the verifier left them, with maps given by id and addresses masked. Empty where the kernel hides
 * them (kernel.bpf_jit_harden with kernel.kptr_restrict, or a process without the privileges to read them).
 */
export function translatedInstructions(fd: number): Uint8Array {
  const { xlatedLength } = programInfo(fd);
  const code = new Uint8Array(xlatedLength);
  const info = query(fd, { xlatedProgLen: xlatedLength, xlatedProgInsns: code });
  // A kernel that hides the code sets the pointer to zero.
  return info.get('xlatedProgInsns') === 0n ? new Uint8Array() : code;
}
