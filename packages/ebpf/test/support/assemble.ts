/** Small programs assembled by hand, for tests below the object loader. */
import { SyscallError } from '../../src/errors.js';
import { Attr, bpf, bpfRaw } from '../../src/sys/bpf.js';
import { Command } from '../../src/sys/constants.js';
import { Fd } from '../../src/sys/fd.js';

/** Helper functions by number (include/uapi/linux/bpf.h). */
export const Helper = {
  ktimeGetNs: 5,
  perfEventOutput: 25,
  ringbufReserve: 131,
  ringbufSubmit: 132,
  ringbufDiscard: 133,
} as const;

/** One or two 8-byte instructions. */
export type Instruction = readonly number[];

function encode(code: number, dst: number, src: number, offset: number, immediate: number): Instruction {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, code);
  view.setUint8(1, dst | (src << 4));
  view.setInt16(2, offset, true);
  view.setInt32(4, immediate, true);
  return [...bytes];
}

export const insn = {
  movImmediate: (dst: number, value: number) => encode(0xb7, dst, 0, 0, value),
  mov: (dst: number, src: number) => encode(0xbf, dst, src, 0, 0),
  mov32Immediate: (dst: number, value: number) => encode(0xb4, dst, 0, 0, value),
  addImmediate: (dst: number, value: number) => encode(0x07, dst, 0, 0, value),
  /** dst = *(u64 *)(src + offset) */
  load64: (dst: number, src: number, offset: number) => encode(0x79, dst, src, offset, 0),
  /** *(u64 *)(dst + offset) = src */
  store64: (dst: number, offset: number, src: number) => encode(0x7b, dst, src, offset, 0),
  /** lock *(u64 *)(dst + offset) += src */
  atomicAdd64: (dst: number, offset: number, src: number) => encode(0xdb, dst, src, offset, 0),
  /** Skips `count` instructions if dst is 0. */
  jumpIfZero: (dst: number, count: number) => encode(0x15, dst, 0, count, 0),
  loadMapFd: (dst: number, fd: number) => [...encode(0x18, dst, 1, 0, fd), ...encode(0, 0, 0, 0, 0)],
  /** The address of a byte in an array's first element. */
  loadMapValue: (dst: number, fd: number, offset: number) => [
    ...encode(0x18, dst, 2, 0, fd),
    ...encode(0, 0, 0, 0, offset),
  ],
  call: (helper: number) => encode(0x85, 0, 0, 0, helper),
  exit: () => encode(0x95, 0, 0, 0, 0),
} as const;

/** Loads a program. @throws SyscallError with the verifier's log. */
export function loadProgram(type: number, instructions: readonly Instruction[]): Fd {
  const code = Uint8Array.from(instructions.flat());
  const log = new Uint8Array(65_536);
  const attr = new Attr()
    .u32(0, type)
    .u32(4, code.length / 8)
    .pointer(8, code)
    .string(16, 'GPL')
    .u32(24, 1)
    .u32(28, log.length)
    .pointer(32, log);
  const result = bpfRaw(Command.progLoad, attr);
  if (result >= 0) return new Fd(result);
  throw new SyscallError('bpf(BPF_PROG_LOAD)', -result, new TextDecoder().decode(log).replace(/\0.*$/s, ''));
}

/** Runs a socket filter `repeat` times on an empty packet. */
export function runSocketFilter(program: Fd, repeat: number): void {
  const packet = new Uint8Array(64);
  const attr = new Attr().u32(0, program.fd).u32(8, packet.length).pointer(16, packet).u32(32, repeat);
  bpf(Command.progTestRun, attr);
}

/** Runs a raw tracepoint program once on one CPU (5.10). */
export function runOnCpu(program: Fd, cpu: number): void {
  const attr = new Attr().u32(0, program.fd).u32(64, 1 /* BPF_F_TEST_RUN_ON_CPU */).u32(68, cpu);
  bpf(Command.progTestRun, attr);
}
