/** BPF_PROG_LOAD: the arguments that this kernel takes, and the reasons of a refusal. */
import { constants } from 'node:os';
import { EbpfError, SyscallError, type UnsupportedError, VerifierError } from '../errors.js';
import { programNeedsOf } from '../features/probe.js';
import { unsupported } from '../features/since.js';
import type { FeatureTable } from '../features/table.js';
import { structLayouts } from '../generated/kernel-structs.js';
import { returning } from '../insn/assembler.js';
import { instructionSize } from '../insn/insn.js';
import type { ProgramSpec } from '../object/spec.js';
import { type Attr, logInto, progLoadAttr } from '../sys/attr.js';
import { bpfError, bpfOnThread } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { describeObstacle, privilegeObstacle } from '../sys/obstacle.js';
import { progLoadRaw } from '../sys/prog-load.js';
import { Command, commandName } from '../uapi/commands.js';
import { ProgramType, programTypeName, programTypeSince } from '../uapi/program-types.js';
import type { ModuleTypes } from './module-types.js';
import type { TargetProgram } from './program-target.js';
import { type AttachTarget, attachTarget } from './target.js';

export interface LoadProgramOptions {
  readonly features: FeatureTable;
  /** The object's BTF in the kernel, for function and line information. */
  readonly btfFd: number | undefined;
  /** BPF_LOG_*: 1 or 2 for the verifier's log, 4 for statistics. 0: a log only of a refusal. */
  readonly logLevel: number;
  /** Where targets are looked for that the kernel itself lacks. */
  readonly modules: ModuleTypes;
  /** In words, what an instruction refers to that the kernel lacks. */
  readonly missing?: (index: number) => string | undefined;
  /** The program that this one attaches to, instead of to the kernel. */
  readonly target?: TargetProgram | undefined;
  /** BTF descriptors of the modules whose functions are called, from index 1 on (5.16). */
  readonly fdArray?: readonly number[];
  /** Bytes for the verifier's log, one try after the other. Default: as much as all kernels take. */
  readonly logSizes?: readonly number[];
}

export interface LoadedProgram {
  readonly fd: Fd;
  /** The verifier's log, where one was asked for. */
  readonly log: string | undefined;
}

const { E2BIG, EINVAL, EMFILE, ENFILE, ENOSPC, EPERM } = constants.errno;

/** Sizes of the log, one try after the other. The last is the largest that kernels before 5.2 take. */
const defaultLogSizes: readonly number[] = [1 << 16, 1 << 20, (1 << 24) - 1];

/**
 * Loads a program.
 * @param instructions As {@link prepareInstructions} made them.
 * @throws VerifierError with the log; UnsupportedError where the kernel lacks the program type; SyscallError
 */
export function loadProgram(
  program: ProgramSpec,
  instructions: Uint8Array,
  options: LoadProgramOptions,
): LoadedProgram {
  if (program.type === ProgramType.unspec) {
    throw new EbpfError(
      `program ${program.name}: section ${program.section} does not say its type; set \`type\` before loading`,
    );
  }
  const target = attachTarget(program, options);
  const attr = loadAttr(program, instructions, target, options);
  const { logLevel: wanted, logSizes = defaultLogSizes } = options;
  const logged = (level: number) => attemptLogged(attr, level, logSizes);
  const first = wanted === 0 ? { result: progLoadRaw(attr), log: undefined } : logged(wanted);
  if (first.result >= 0) return { fd: new Fd(first.result), log: first.log };
  if (first.result === -EPERM && !mayLoad())
    throw failure(program, instructions, -first.result, options.features);
  const second = wanted === 0 ? logged(1) : first;
  // A load that failed for want of memory, or was interrupted, may pass the second time.
  if (second.result >= 0) return { fd: new Fd(second.result), log: undefined };
  // A log that no memory holds is no reason to refuse the program.
  const bare = second.result !== -ENOSPC ? second.result : wanted === 0 ? first.result : progLoadRaw(attr);
  if (bare >= 0) return { fd: new Fd(bare), log: undefined };
  const errno = -bare;
  // Without a descriptor for a program that the verifier accepted, there is a log, too.
  const isVerdict = errno !== EMFILE && errno !== ENFILE;
  if (isVerdict && second.log !== '' && second.log !== undefined) {
    // Without CAP_PERFMON, for example, the verifier is stricter.
    const gap = privilegeObstacle(programNeedsOf(program.type));
    const lacking = missingIn(second.log, options.missing);
    throw new VerifierError(program.name, errno, second.log, gap && describeObstacle(gap), lacking);
  }
  throw failure(program, instructions, errno, options.features);
}

/** The reason in a log that ends at a call which stands for something missing, in words. */
export function missingIn(
  log: string,
  missing: ((index: number) => string | undefined) | undefined,
): string | undefined {
  if (missing === undefined || !/^invalid func unknown#/m.test(log)) return undefined;
  // The log walks along the program's paths: the last such call is the one that was refused.
  const calls = [...log.matchAll(/^(\d+): \(85\) call unknown#\d+/gm)];
  const index = calls.at(-1)?.[1];
  return index === undefined ? undefined : missing(Number(index));
}

/** Loads a program as {@link loadProgram} does, on another thread. */
export async function loadProgramOnThread(
  program: ProgramSpec,
  instructions: Uint8Array,
  options: LoadProgramOptions,
): Promise<LoadedProgram> {
  if (options.logLevel === 0 && program.type !== ProgramType.unspec) {
    const target = attachTarget(program, options);
    const fd = await bpfOnThread(Command.progLoad, loadAttr(program, instructions, target, options));
    if (fd >= 0) return { fd: new Fd(fd), log: undefined };
  }
  // A second try passes, or shows why the first did not.
  return loadProgram(program, instructions, options);
}

function loadAttr(
  program: ProgramSpec,
  instructions: Uint8Array,
  target: AttachTarget | undefined,
  { features, btfFd, fdArray }: LoadProgramOptions,
): Attr<'progLoad'> {
  return progLoadAttr({
    progType: program.type,
    instructions,
    license: program.license,
    progFlags: program.flags,
    name: features.has('prog_name') ? program.name : undefined,
    expectedAttachType: features.has('expected_attach_type') ? program.expectedAttachType : undefined,
    ...(btfFd !== undefined && features.has('btf_func') ? debugInfo(program, btfFd) : {}),
    ...target,
    ...(fdArray !== undefined &&
      fdArray.length > 0 && { fdArray: new Uint8Array(Int32Array.from(fdArray).buffer) }),
  });
}

/** Arrays of struct bpf_func_info and struct bpf_line_info, whose offsets count instructions. */
function debugInfo({ funcInfo, lineInfo }: ProgramSpec, progBtfFd: number) {
  if (funcInfo.length === 0) return {};
  const functions = new Uint32Array(2 * funcInfo.length);
  let at = 0;
  for (const { offset, typeId } of funcInfo) {
    functions[at++] = offset / instructionSize;
    functions[at++] = typeId;
  }
  const withFunctions = {
    progBtfFd,
    funcInfoRecSize: structLayouts.funcInfo.size,
    funcInfo: new Uint8Array(functions.buffer),
    funcInfoCnt: funcInfo.length,
  };
  if (lineInfo.length === 0) return withFunctions;
  const lines = new Uint32Array(4 * lineInfo.length);
  at = 0;
  for (const { offset, fileNameOffset, lineOffset, lineColumn } of lineInfo) {
    lines[at++] = offset / instructionSize;
    lines[at++] = fileNameOffset;
    lines[at++] = lineOffset;
    lines[at++] = lineColumn;
  }
  return {
    ...withFunctions,
    lineInfoRecSize: structLayouts.lineInfo.size,
    lineInfo: new Uint8Array(lines.buffer),
    lineInfoCnt: lineInfo.length,
  };
}

function attemptLogged(
  attr: Attr<'progLoad'>,
  level: number,
  logSizes: readonly number[],
): { readonly result: number; readonly log: string } {
  for (const [i, size] of logSizes.entries()) {
    const log = new Uint8Array(size);
    const result = progLoadRaw(logInto(attr, log, level));
    // A log that does not fit fails the load of an otherwise good program.
    if (result === -ENOSPC && i < logSizes.length - 1) continue;
    const end = log.indexOf(0);
    return { result, log: Buffer.from(log.subarray(0, end < 0 ? size : end)).toString('utf8') };
  }
  throw new Error('unreachable');
}

/** Whether a bare program of the simplest kind loads: if not, the privilege for all of them is missing. */
function mayLoad(): boolean {
  const bare = progLoadAttr({ progType: ProgramType.socketFilter, instructions: returning(0) });
  const result = progLoadRaw(bare);
  if (result >= 0) new Fd(result)[Symbol.dispose]();
  return result !== -EPERM;
}

/** Program types that exist only with CONFIG_BPF_EVENTS, which needs CONFIG_KPROBE_EVENTS or CONFIG_UPROBE_EVENTS. */
const eventTypes: ReadonlySet<number> = new Set([
  ProgramType.kprobe,
  ProgramType.tracepoint,
  ProgramType.perfEvent,
  ProgramType.rawTracepoint,
  ProgramType.rawTracepointWritable,
  ProgramType.tracing,
]);

/** The error for a refusal about which the verifier wrote nothing. */
function failure(
  program: ProgramSpec,
  instructions: Uint8Array,
  errno: number,
  features: FeatureTable,
): SyscallError | UnsupportedError {
  if (errno === EINVAL && features.probeProgramType(program.type).state === 'absent') {
    return unsupported(
      programTypeName(program.type),
      programTypeSince(program.type),
      `program ${program.name} needs it${eventTypes.has(program.type) ? ' (CONFIG_BPF_EVENTS)' : ''}`,
    );
  }
  const count = instructions.length / 8;
  const size = errno === E2BIG ? `: of ${count} instructions, where kernels before 5.2 take 4096` : '';
  const needs = programNeedsOf(program.type);
  if (errno === EPERM && privilegeObstacle(needs) === undefined && mayLoad())
    return new SyscallError(
      `bpf(${commandName(Command.progLoad)})`,
      errno,
      `program ${program.name}: this kernel loads other programs, but a policy denies those of section ${program.section}`,
    );
  return bpfError(Command.progLoad, errno, `program ${program.name}${size}`, needs);
}
