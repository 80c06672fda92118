/** The targets that the names of sections give, taken apart. */
import { OptionError } from '../errors.js';
import { kernelSymbols } from '../features/symbols.js';
import type { ProgramHandle } from '../program/program-handle.js';

/** Whether a section's kind stands for returns: `kretprobe`, `uretprobe.s`, `kretsyscall` … */
export function isReturnKind(kind: string | undefined): boolean {
  return kind !== undefined && /^[ku]ret/.test(kind);
}

/** The kernel function that a program's section names; '' if none. */
export function sectionSymbol({ kind, attachTo = '' }: ProgramHandle): string {
  return kind === 'ksyscall' || kind === 'kretsyscall' ? systemCallFunction(attachTo) : attachTo;
}

/** Prefixes of the functions of system calls that take all arguments by one pointer, by architecture (4.17). */
const wrappers: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: '__x64_sys_',
  arm64: '__arm64_sys_',
};

/**
 * The kernel function of a system call.
 * @param name As its manual page has it: `openat2`.
 * @param has Whether the kernel has a function.
 */
export function systemCallFunction(
  name: string,
  has: (symbol: string) => boolean = (symbol) => kernelSymbols().hasFunction(symbol),
): string {
  const wrapper = wrappers[process.arch];
  // Every kernel has bpf(2) where this is asked.
  if (wrapper !== undefined && has(`${wrapper}bpf`)) return `${wrapper}${name}`;
  return has(`__se_sys_${name}`) ? `__se_sys_${name}` : `sys_${name}`;
}

/** `function+offset`, where an offset may be given apart. */
export function splitOffset(
  target: string,
  offset: number | undefined,
): { readonly function: string; readonly offset: number | undefined } {
  const match = /^(.+)\+(0x[0-9a-f]+|\d+)$/i.exec(target);
  if (match === null) return { function: target, offset };
  if (offset !== undefined) throw new OptionError(`${target} has an offset of its own, besides ${offset}`);
  return { function: match[1]!, offset: Number(match[2]) };
}

/** `path:function` with an offset behind it, or `path:offset`. */
export interface UserTarget {
  readonly path: string;
  /** Absent where the offset is one in the file. */
  readonly symbol?: string;
  readonly offset: number;
}

/** Takes the target of a uprobe's section apart. @throws OptionError */
export function userTarget(target: string): UserTarget {
  const colon = target.lastIndexOf(':');
  const path = target.slice(0, Math.max(colon, 0));
  const place = target.slice(colon + 1);
  if (path === '' || place === '')
    throw new OptionError(`uprobes are attached to path:function or path:offset, not to '${target}'`);
  if (/^(0x[0-9a-f]+|\d+)$/i.test(place)) return { path, offset: Number(place) };
  const { function: symbol, offset } = splitOffset(place, undefined);
  return { path, symbol, offset: offset ?? 0 };
}
