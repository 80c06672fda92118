/** Loading and running programs assembled by hand, for tests below the object loader. */
import { SyscallError } from '../../src/errors.js';
import { assemble, type Instruction } from '../../src/insn/assembler.js';
import { attr, progLoadAttr } from '../../src/sys/attr.js';
import { bpf, bpfRaw } from '../../src/sys/bpf.js';
import { Fd } from '../../src/sys/fd.js';
import { Command } from '../../src/uapi/commands.js';

/** Loads a program. @throws SyscallError with the verifier's log. */
export function loadProgram(type: number, instructions: readonly Instruction[]): Fd {
  const log = new Uint8Array(65_536);
  const load = progLoadAttr({ progType: type, instructions: assemble(...instructions), log });
  const result = bpfRaw(Command.progLoad, load);
  if (result >= 0) return new Fd(result);
  throw new SyscallError('bpf(BPF_PROG_LOAD)', -result, new TextDecoder().decode(log).replace(/\0.*$/s, ''));
}

/** Runs a socket filter `repeat` times on an empty packet. */
export function runSocketFilter(program: Fd, repeat: number): void {
  const packet = new Uint8Array(64);
  const values = { progFd: program.fd, dataIn: packet, dataSizeIn: packet.length, repeat };
  bpf(Command.progTestRun, attr('progTestRun', values));
}

/** Runs a raw tracepoint program once on one CPU (5.10). */
export function runOnCpu(program: Fd, cpu: number): void {
  const values = { progFd: program.fd, flags: 1 /* BPF_F_TEST_RUN_ON_CPU */, cpu };
  bpf(Command.progTestRun, attr('progTestRun', values));
}
