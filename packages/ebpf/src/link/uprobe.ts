/** Probes on functions of programs and shared libraries. */
import { constants } from 'node:os';
import { OptionError, SyscallError } from '../errors.js';
import { pmuPath } from '../features/definitions.js';
import { unsupported } from '../features/since.js';
import { features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
import type { Fd } from '../sys/fd.js';
import { readSmallFile } from '../sys/files.js';
import type { PerfEventOptions } from '../sys/perf-event-open.js';
import { ProgramType } from '../uapi/program-types.js';
import { attachToProbe, pmuEvent } from './kprobe.js';
import type { Link } from './link.js';
import { attachToEvent, openEvent, type PerfAttachOptions } from './perf-event.js';
import { requireType } from './program-kind.js';
import { isReturnKind, userTarget } from './section-target.js';
import { createTracefsProbe } from './tracefs-probe.js';
import { executablePath, symbolOffset } from './user-symbols.js';

/** Options of {@link attachUprobe}. */
export interface UprobeOptions extends PerfAttachOptions {
  /** Bytes from the start of the file (not an address) to the instruction; with `symbol`, from its start. Default 0 with `symbol`. */
  readonly offset?: number;
  /**
   * A function that the file or its debug file defines, in the symbol table or among the dynamic symbols. `name@VERSION` is that of a version,
   * `name@@VERSION` only where it is the default one.
   */
  readonly symbol?: string;
  /** Runs when the function returns, or when it is called. Default: as the program's section says; else when it is called. */
  readonly retprobe?: boolean;
  /** Only this process. Default: all that map the file. Needs the uprobe PMU. */
  readonly pid?: number;
  /** Bytes from the start of the file to a 16-bit counter that the kernel raises in each process while it is attached (4.20). */
  readonly refCounterOffset?: number;
}

/**
 * Attaches to an instruction of an executable file: through the uprobe PMU (4.17), else through tracefs
 * (4.3).
 * @param path The file. Default, with the function: what the program's section names, `uprobe/PATH:FUNCTION+OFFSET`. A name without a `/`
 * (`libssl.so.3`, `libssl.so`) is that of a file which the process of `pid` runs, else it is looked for where libraries or programs lie.
 * @throws OptionError where nothing says which instruction; EbpfError for a file or function that does not exist, or of which there
 * are several; SyscallError; UnsupportedError for a single process without the PMU, without tracefs where it is needed, for a counter before
 * 4.20, or for a cookie before 5.15; UnknownFeatureError where that is unknown.
 */
export function attachUprobe(
  program: ProgramHandle,
  path: string | undefined = undefined,
  options: UprobeOptions = {},
): Link {
  requireType(program, 'attachUprobe', ProgramType.kprobe);
  const place = uprobePlace(program, path, options);
  return attachToFile(program, place.path, { ...options, offset: place.offset });
}

interface Place {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

function uprobePlace(program: ProgramHandle, given: string | undefined, options: UprobeOptions): Place {
  const named = given === undefined ? userTarget(program.attachTo ?? '') : undefined;
  const path = executablePath(given ?? named!.path, options.pid);
  const symbol = options.symbol ?? named?.symbol;
  const offset = options.offset ?? named?.offset;
  if (symbol !== undefined) return { path, offset: symbolOffset(path, symbol) + (offset ?? 0) };
  if (offset === undefined)
    throw new OptionError(
      `program ${program.name}: give the offset or the symbol of the instruction in ${path}`,
    );
  return { path, offset };
}

function attachToFile(
  program: ProgramHandle,
  path: string,
  options: UprobeOptions & { readonly offset: number },
): Link {
  const features = options.features ?? kernelFeatures;
  const retprobe = options.retprobe ?? isReturnKind(program.kind);
  const kind = retprobe ? 'uretprobe' : 'uprobe';
  const { refCounterOffset: counter } = options;
  if (options.pid !== undefined) features.require('uprobe_pmu', 'a probe for one process needs it');
  if (features.has('uprobe_pmu')) {
    const event = pmuEvent('uprobe', retprobe, path, options.offset, options.pid);
    return attachToEvent(program, kind, openCounted(withCounter(event, counter), counter), options);
  }
  const counted = counter === undefined ? '' : `(0x${counter.toString(16)})`;
  const target = `${path}:0x${options.offset.toString(16)}${counted}`;
  const probe = createTracefsProbe('uprobe_events', target, { retprobe });
  return attachToProbe(program, kind, probe, path, options);
}

/** The PMU says since 4.20 which bits of `config` hold the place of a counter. */
function withCounter(event: PerfEventOptions, offset: number | undefined): PerfEventOptions {
  if (offset === undefined) return event;
  const format = readSmallFile(pmuPath('uprobe').replace(/type$/, 'format/ref_ctr_offset'));
  const bit = /config:(\d+)/.exec(format ?? '')?.[1];
  if (bit === undefined) throw unsupported('counters of uprobes (ref_ctr_offset)', '4.20');
  return { ...event, config: BigInt(event.config ?? 0) | (BigInt(offset) << BigInt(bit)) };
}

function openCounted(event: PerfEventOptions, counter: number | undefined): Fd {
  try {
    return openEvent(event);
  } catch (error) {
    const isRefused = error instanceof SyscallError && error.errno === constants.errno.EINVAL;
    if (counter === undefined || !isRefused) throw error;
    const why = 'another probe is on the same instruction, with another counter or none';
    throw new SyscallError(error.syscall, error.errno, why);
  }
}
