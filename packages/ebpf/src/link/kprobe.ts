/** Probes on the entry, an instruction, or the return of a kernel function. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { SyscallError, UnsupportedError } from '../errors.js';
import { pmuPath } from '../features/definitions.js';
import { kernelSymbols } from '../features/symbols.js';
import { features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
import type { PerfEventOptions } from '../sys/perf-event-open.js';
import { ProgramType } from '../uapi/program-types.js';
import type { Link } from './link.js';
import { attachToEvent, openEvent, type PerfAttachOptions } from './perf-event.js';
import { requireType } from './program-kind.js';
import { isReturnKind, sectionSymbol, splitOffset } from './section-target.js';
import { createTracefsProbe, type TracefsProbe } from './tracefs-probe.js';
import { openTracepoint } from './tracepoint.js';

/** Options of {@link attachKprobe}. */
export interface KprobeOptions extends PerfAttachOptions {
  /** Runs when the function returns, or when it is called. Default: as the program's section says; else when it is called. */
  readonly retprobe?: boolean;
  /** Bytes from the function's start, for a probe in its middle. Default 0. */
  readonly offset?: number;
  /**
   * How many calls a return probe follows at the same time; further ones are missed. Default: the kernel's, the larger of
   * 10 and twice the number of CPUs. Needs tracefs.
   */
  readonly maxactive?: number;
}

/**
 * Attaches to a kernel function: through the kprobe PMU (4.17), else through tracefs (4.1).
 * @param symbol As /proc/kallsyms spells it. Default: what the program's section names, which for `ksyscall` is a system call.
 * @throws SyscallError, with names that come close to one that does not exist; UnsupportedError on a kernel
 * without kprobes, without tracefs where it is needed, or for a cookie before 5.15; UnknownFeatureError where
 * that is unknown.
 */
export function attachKprobe(
  program: ProgramHandle,
  symbol: string = sectionSymbol(program),
  given: KprobeOptions = {},
): Link {
  requireType(program, 'attachKprobe', ProgramType.kprobe);
  const { function: name, offset } = splitOffset(symbol, given.offset);
  const options = offset === undefined ? given : { ...given, offset };
  return attachToFunction(program, name, options);
}

function attachToFunction(program: ProgramHandle, symbol: string, options: KprobeOptions): Link {
  const features = options.features ?? kernelFeatures;
  const retprobe = options.retprobe ?? isReturnKind(program.kind);
  const kind = retprobe ? 'kretprobe' : 'kprobe';
  const legacy = options.maxactive !== undefined || !features.has('kprobe_pmu');
  try {
    if (!legacy) {
      const event = openEvent(pmuEvent('kprobe', retprobe, symbol, options.offset ?? 0));
      return attachToEvent(program, kind, event, options);
    }
    const target = options.offset === undefined ? symbol : `${symbol}+${options.offset}`;
    const { maxactive } = options;
    const probe = createTracefsProbe('kprobe_events', target, {
      retprobe,
      ...(maxactive === undefined ? {} : { maxactive }),
    });
    return attachToProbe(program, kind, probe, symbol, options);
  } catch (error) {
    throw explained(error, symbol);
  }
}

/** Attaches to a probe that tracefs has made, and removes it in the end. */
export function attachToProbe(
  program: ProgramHandle,
  kind: string,
  probe: TracefsProbe,
  name: string,
  options: PerfAttachOptions,
): Link {
  let event: ReturnType<typeof openTracepoint>;
  try {
    event = openTracepoint(probe.id, name);
  } catch (error) {
    probe.remove();
    throw error;
  }
  return attachToEvent(program, kind, event, options, probe.remove);
}

/** Arguments of perf_event_open for a probe: `config1` names the function or file, `config2` is the offset in it. */
export function pmuEvent(
  kind: 'kprobe' | 'uprobe',
  retprobe: boolean,
  name: string,
  offset: number,
  pid = -1,
): PerfEventOptions {
  const type = Number.parseInt(readFileSync(pmuPath(kind), 'latin1'), 10);
  // .../format/retprobe says `config:0`: which bit of config asks for the return.
  const format = readFileSync(pmuPath(kind).replace(/type$/, 'format/retprobe'), 'latin1');
  const bit = BigInt(/config:(\d+)/.exec(format)?.[1] ?? '0');
  return {
    type,
    config: retprobe ? 1n << bit : 0n,
    config1: name,
    config2: offset,
    pid,
    // An event of one process follows it over CPUs; one of all processes must name a CPU, and fires on all.
    cpu: pid === -1 ? 0 : -1,
    what: `${retprobe ? kind.replace('probe', 'retprobe') : kind} ${name}`,
  };
}

function explained(error: unknown, symbol: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  const { ENOENT, EINVAL, EILSEQ } = constants.errno;
  if (error.errno !== ENOENT && error.errno !== EINVAL && error.errno !== EILSEQ) return error;
  const name = symbol.split(/[:+]/).at(symbol.includes(':') ? 1 : 0) ?? symbol;
  const symbols = kernelSymbols();
  // Without the table nothing can be said about the function.
  if (symbols.hidden !== undefined) return error;
  if (!symbols.hasFunction(name)) {
    return new SyscallError(error.syscall, error.errno, missingSymbol(name));
  }
  if (!symbols.hasFunction('register_kprobe')) return new UnsupportedError('kprobes (CONFIG_KPROBES)');
  if (error.errno === EILSEQ) {
    return new SyscallError(error.syscall, error.errno, 'the offset is not at the start of an instruction');
  }
  return new SyscallError(
    error.syscall,
    error.errno,
    `${name} exists but cannot be probed: it may be on the kernel's list of functions that must not be`,
  );
}

/** Says that a function is missing, and which ones come close. */
export function missingSymbol(name: string): string {
  const close = kernelSymbols().closeTo(name);
  const hint = close.length === 0 ? 'it may have been inlined' : `there is ${close.join(', ')}`;
  return `this kernel has no function ${name} (${hint})`;
}
