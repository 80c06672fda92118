/** Targets that tracing programs are tied to when they are loaded: type ids of the kernel's BTF, or of a module's. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { kernelBtf, kernelBtfPath } from '../btf/kernel.js';
import { Btf } from '../btf/parse.js';
import { Kind } from '../btf/types.js';
import { EbpfError, UnknownFeatureError } from '../errors.js';
import { featureDefinitions } from '../features/definitions.js';
import { kernelBtfFile } from '../features/probe.js';
import { unsupported } from '../features/since.js';
import { kernelSymbols } from '../features/symbols.js';
import type { ProgramSpec } from '../object/spec.js';
import { attr, infoAttr, kernelStruct } from '../sys/attr.js';
import { bpf, bpfError, bpfRaw } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { ProgramType } from '../uapi/program-types.js';

const { ENOENT } = constants.errno;

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

export interface AttachTarget extends Disposable {
  readonly typeId: number;
  /** The module's BTF; 0 for the kernel's own. */
  readonly btfFd: number;
}

/**
 * Finds the target of a program that needs one at load; undefined for all other programs.
 * @throws UnsupportedError without kernel BTF; EbpfError when the target does not exist.
 */
export function attachTarget(program: ProgramSpec): AttachTarget | undefined {
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
  const name = convention.prefix + attachTo;
  const typeId = btf.find(name, convention.kind);
  if (typeId !== undefined) return { typeId, btfFd: 0, [Symbol.dispose]() {} };
  const inModule = findInModule(btf, name, convention.kind);
  if (inModule !== undefined) return inModule;
  const close = convention.prefix === '' ? kernelSymbols().closeTo(attachTo) : [];
  const hint = close.length === 0 ? '' : ` (there is ${close.join(', ')})`;
  throw new EbpfError(`program ${program.name}: the kernel's BTF has no ${name} to attach to${hint}`);
}

/** Kernel symbols say which module has a function; tracepoints of modules go by the function that registers them. */
function findInModule(base: Btf, name: string, kind: number): AttachTarget | undefined {
  const symbol = name.replace(/^btf_trace_/, '__traceiter_');
  const symbols = kernelSymbols();
  if (symbols.hidden !== undefined) throw new UnknownFeatureError(`${symbol} in a module`, symbols.hidden);
  const module = symbols.get(symbol)?.module;
  if (module === undefined) return undefined;
  let typeId: number | undefined;
  try {
    typeId = Btf.parse(readFileSync(`/sys/kernel/btf/${module}`), base).find(name, kind);
  } catch {
    return undefined; // Modules have BTF since 5.11, if they were built with it.
  }
  const fd = typeId === undefined ? undefined : moduleBtf(module);
  if (typeId === undefined || fd === undefined) return undefined;
  return { typeId, btfFd: fd.fd, [Symbol.dispose]: () => fd[Symbol.dispose]() };
}

function moduleAdvice(module: string): string {
  return `the types of module ${module} are found by their id, which needs CAP_SYS_ADMIN`;
}

/** Opens the BTF that the kernel keeps under a module's name. */
function moduleBtf(module: string): Fd | undefined {
  for (let id = 0; ; ) {
    const next = attr('getId', { startId: id });
    const found = bpfRaw(Command.btfGetNextId, next);
    if (found === -ENOENT) return undefined;
    if (found < 0) throw bpfError(Command.btfGetNextId, -found, moduleAdvice(module));
    id = next.get('nextId');
    const result = bpfRaw(Command.btfGetFdById, attr('getId', { btfId: id }));
    if (result === -ENOENT) continue; // It went away in between.
    if (result < 0) throw bpfError(Command.btfGetFdById, -result, moduleAdvice(module));
    const fd = new Fd(result);
    if (kernelBtfName(fd.fd) === module) return fd;
    fd[Symbol.dispose]();
  }
}

/** The name of the kernel's own BTF or of a module's; undefined for the BTF of a program. */
function kernelBtfName(fd: number): string | undefined {
  const name = new Uint8Array(64);
  const info = kernelStruct('btfInfo', { name, nameLen: name.length });
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  if (info.get('kernelBtf') === 0) return undefined;
  return Buffer.from(name.subarray(0, name.indexOf(0))).toString('latin1');
}
