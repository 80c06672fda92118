/** Running a program on given input: BPF_PROG_TEST_RUN (4.12). */

import { constants } from 'node:os';
import { type SyscallError, UnsupportedError } from '../errors.js';
import { attr } from '../sys/attr.js';
import { bpfError, bpfRaw } from '../sys/bpf.js';
import { ENOTSUPP } from '../sys/errno.js';
import { kernelAtLeast } from '../sys/kernel-version.js';
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
  /**
   * xdp: does with the packet what the program says (BPF_F_TEST_XDP_LIVE_FRAMES, 5.18): XDP_TX and XDP_REDIRECT send it, XDP_PASS hands it
   * to the kernel, `repeat` times. The result has no packet, and 0 as return value. Frames run in batches of this many, at most 256; `true` is 64.
   */
  readonly liveFrames?: boolean | number;
  /** The CPU to run on; needs the flag BPF_F_TEST_RUN_ON_CPU (1), raw tracepoints only (5.10). */
  readonly cpu?: number;
}

const liveFlag = 1 << 1;
const defaultBatch = 64;

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
  const { liveFrames = false } = input;
  const isLive = liveFrames !== false;
  // A kernel that does not know live frames would ignore the flag; it refuses a size of batches that is not zero.
  const live = isLive ? { batchSize: liveFrames === true ? defaultBatch : liveFrames } : {};
  const dataOut = new Uint8Array(data === undefined || isLive ? 0 : (input.dataOutSize ?? data.length + 256));
  let ctxOut = new Uint8Array(ctx?.length ?? 0);
  const run = attr('progTestRun', {
    ...{ progFd: programFd, repeat: input.repeat, cpu: input.cpu, ...live },
    flags: isLive ? (input.flags ?? 0) | liveFlag : input.flags,
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
  if (result === -EINVAL && isLive && !kernelAtLeast('5.18'))
    throw new UnsupportedError('BPF_F_TEST_XDP_LIVE_FRAMES', '5.18');
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
