/** Targets that tracing programs are tied to when they are loaded: type ids of the kernel's BTF, or of a module's. */
import { kernelBtf, kernelBtfPath } from '../btf/kernel.js';
import { Kind } from '../btf/types.js';
import { EbpfError, UnknownFeatureError } from '../errors.js';
import { featureDefinitions } from '../features/definitions.js';
import { kernelBtfFile } from '../features/probe.js';
import { unsupported } from '../features/since.js';
import { kernelSymbols } from '../features/symbols.js';
import type { ProgramSpec } from '../object/spec.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { structMemberTarget } from './kernel-ops.js';
import { type ModuleTypes, withoutModuleBtf } from './module-types.js';
import { functionOfProgram, type TargetProgram } from './program-target.js';

/** Names and kinds by which the kernel's BTF knows targets. */
const conventions: ReadonlyMap<number, { readonly prefix: string; readonly kind: number }> = new Map([
  [AttachType.traceRawTp, { prefix: 'btf_trace_', kind: Kind.typedef }],
  [AttachType.traceFentry, { prefix: '', kind: Kind.func }],
  [AttachType.traceFexit, { prefix: '', kind: Kind.func }],
  [AttachType.modifyReturn, { prefix: '', kind: Kind.func }],
  [AttachType.lsmMac, { prefix: 'bpf_lsm_', kind: Kind.func }],
  [AttachType.lsmCgroup, { prefix: 'bpf_lsm_', kind: Kind.func }],
  [AttachType.traceIter, { prefix: 'bpf_iter_', kind: Kind.func }],
]);

/** The members of BPF_PROG_LOAD that name a target. */
export interface AttachTarget {
  readonly attachBtfId: number;
  /** The program whose function it is. */
  readonly attachProgFd?: number;
  /** The member of a struct of functions. */
  readonly expectedAttachType?: number;
  /** The module's BTF; absent for the kernel's own. */
  readonly attachBtfObjFd?: number;
}

/** The places where targets are. */
export interface TargetContext {
  readonly modules: ModuleTypes;
  /** The program that this one attaches to, instead of to the kernel. */
  readonly target?: TargetProgram | undefined;
}

/**
 * Finds the target of a program that needs one at load; undefined for all other programs.
 * @throws UnsupportedError without kernel BTF, or without that of the target's module; EbpfError when the target does not exist;
 * FormatError, SyscallError for a module's types that cannot be read or opened.
 */
export function attachTarget(
  program: ProgramSpec,
  { modules, target }: TargetContext,
): AttachTarget | undefined {
  if (program.type === ProgramType.structOps) return structMemberTarget(program, modules);
  if (target !== undefined) return functionOfProgram(program, target);
  if (program.type === ProgramType.ext)
    throw new EbpfError(
      `program ${program.name} replaces a function of another program: name that one in the option targets`,
    );
  if (program.type !== ProgramType.tracing && program.type !== ProgramType.lsm) return undefined;
  const convention = conventions.get(program.expectedAttachType ?? -1);
  const { attachTo } = program;
  if (convention === undefined || attachTo === undefined || attachTo === '') {
    throw new EbpfError(
      `program ${program.name}: its section ${program.section} names no target to attach to`,
    );
  }
  const btf = kernelBtf();
  if (btf === undefined) {
    const file = kernelBtfFile();
    const why = `program ${program.name} attaches to ${attachTo} by its BTF type`;
    if (file.state === 'unknown') throw new UnknownFeatureError(kernelBtfPath, file);
    throw unsupported(featureDefinitions.kernel_btf.description, featureDefinitions.kernel_btf.since, why);
  }
  // `module:function`, where several have functions of that name.
  const colon = attachTo.indexOf(':');
  const module = colon < 0 ? undefined : attachTo.slice(0, colon);
  const name = convention.prefix + attachTo.slice(colon + 1);
  const typeId = module === undefined || module === 'vmlinux' ? btf.find(name, convention.kind) : undefined;
  if (typeId !== undefined) return { attachBtfId: typeId };
  return inModule(program, modules, { name, kind: convention.kind, module });
}

interface Sought {
  readonly name: string;
  readonly kind: number;
  /** Undefined: any. */
  readonly module: string | undefined;
}

function inModule(program: ProgramSpec, modules: ModuleTypes, { name, kind, module }: Sought): AttachTarget {
  // Kernel symbols say which module has a function; tracepoints of modules go by the function that registers them.
  const symbol = name.replace(/^btf_trace_/, '__traceiter_');
  const symbols = kernelSymbols();
  const likely = module ?? symbols.get(symbol)?.module;
  const found = module === undefined ? modules.find(name, kind, likely) : modules.findIn(module, name, kind);
  if (found !== undefined) return { attachBtfId: found.typeId, attachBtfObjFd: found.btfFd };
  const what = `${name.replace(/^btf_trace_/, '')}, which program ${program.name} attaches to,`;
  if (likely !== undefined && modules.modules?.get(likely) === undefined) {
    if (symbols.get(symbol)?.module === likely) throw withoutModuleBtf(what, likely);
    throw new EbpfError(`program ${program.name}: no module ${likely} is loaded that shows its types`);
  }
  if (likely === undefined && symbols.hidden !== undefined)
    throw new UnknownFeatureError(`${symbol} in a module`, symbols.hidden);
  const close = kind === Kind.func ? symbols.closeTo(name) : [];
  const hint = close.length === 0 ? '' : ` (there is ${close.join(', ')})`;
  const where = module === undefined ? "the kernel's BTF has no" : `the BTF of module ${module} has no`;
  const others = module === undefined ? ', nor has that of a loaded module' : '';
  throw new EbpfError(`program ${program.name}: ${where} ${name} to attach to${others}${hint}`);
}
