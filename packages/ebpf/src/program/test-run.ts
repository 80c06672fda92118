/** Running a program on given input: BPF_PROG_TEST_RUN (4.12). */

import { constants } from 'node:os';
import type { SyscallError } from '../errors.js';
import { attr } from '../sys/attr.js';
import { bpfError, bpfRaw } from '../sys/bpf.js';
import { ENOTSUPP } from '../sys/errno.js';
import { Command } from '../uapi/commands.js';

/** Inputs of a test run: packets have `data`, most others only `ctx`. */
export interface TestRunInput {
  /** The packet, for XDP and socket buffer programs: at least 14 bytes, an Ethernet header. */
  readonly data?: Uint8Array;
  /** The context: `struct __sk_buff`, `xdp_md` (5.2, 5.15), a raw tracepoint's arguments (5.10), any bytes (syscall). */
  readonly ctx?: Uint8Array;
  /** Room for the packet after the run, in bytes. Default: the input's length and 256 more. */
  readonly dataOutSize?: number;
  /** How often to run; default once. Raw tracepoints and syscall programs run once. */
  readonly repeat?: number;
  /** BPF_F_TEST_* flags (5.10). Default 0. */
  readonly flags?: number;
  /** The CPU to run on; needs the flag BPF_F_TEST_RUN_ON_CPU (1), raw tracepoints only (5.10). */
  readonly cpu?: number;
}

/** Result of {@link Program.testRun}. */
export interface TestRunResult {
  /** The program's return value, as an unsigned 32-bit number. */
  readonly returnValue: number;
  /** The packet afterwards. */
  readonly data: Uint8Array;
  /** The context afterwards, where the kernel gives it back. */
  readonly ctx: Uint8Array;
  /** Average time of one run in nanoseconds; 0 where the kernel does not measure. */
  readonly durationNs: number;
}

const { ENOSPC, EINVAL } = constants.errno;

/** @throws SyscallError */
export function testRun(programFd: number, input: TestRunInput): TestRunResult {
  const { data } = input;
  // Syscall programs change the very bytes they are given.
  const ctx = input.ctx === undefined ? undefined : Uint8Array.from(input.ctx);
  const dataOut = new Uint8Array(data === undefined ? 0 : (input.dataOutSize ?? data.length + 256));
  let ctxOut = new Uint8Array(ctx?.length ?? 0);
  const run = attr('progTestRun', {
    ...{ progFd: programFd, repeat: input.repeat, flags: input.flags, cpu: input.cpu },
    ...{ dataIn: data, dataSizeIn: data?.length, dataOut, dataSizeOut: dataOut.length },
    ...{ ctxIn: ctx, ctxSizeIn: ctx?.length, ctxOut, ctxSizeOut: ctxOut.length },
  });
  let result = bpfRaw(Command.progTestRun, run);
  if (result === -EINVAL && ctx !== undefined) {
    // Raw tracepoints and syscall programs take a context and refuse to be asked for one.
    run.set({ ctxOut: null, ctxSizeOut: 0 });
    result = bpfRaw(Command.progTestRun, run);
    ctxOut = ctx;
    run.set({ ctxSizeOut: ctx.length });
  }
  if (result < 0) throw explained(-result, run.get('dataSizeOut'));
  return {
    returnValue: run.get('retval'),
    data: dataOut.subarray(0, Math.min(run.get('dataSizeOut'), dataOut.length)),
    ctx: ctxOut.subarray(0, Math.min(run.get('ctxSizeOut'), ctxOut.length)),
    durationNs: run.get('duration'),
  };
}

function explained(errno: number, dataOutSize: number): SyscallError {
  if (errno === ENOTSUPP) {
    return bpfError(Command.progTestRun, errno, 'this kernel cannot test-run programs of this type');
  }
  if (errno === ENOSPC) {
    return bpfError(
      Command.progTestRun,
      errno,
      `the packet afterwards needs ${dataOutSize} bytes (dataOutSize)`,
    );
  }
  return bpfError(Command.progTestRun, errno);
}
