/** Probes on functions of programs and shared libraries. */
import { OptionError } from '../errors.js';
import { features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
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
  /** A function that the file defines, in its symbol table or among its dynamic symbols. */
  readonly symbol?: string;
  /** Runs when the function returns, or when it is called. Default: as the program's section says; else when it is called. */
  readonly retprobe?: boolean;
  /** Only this process. Default: all that map the file. Needs the uprobe PMU. */
  readonly pid?: number;
}

/**
 * Attaches to an instruction of an executable file: through the uprobe PMU (4.17), else through tracefs
 * (4.3).
 * @param path The file. Default, with the function: what the program's section names, `uprobe/PATH:FUNCTION+OFFSET`. A name without a `/` is
 * looked for where libraries or programs lie.
 * @throws OptionError where nothing says which instruction; EbpfError for a file or function that does not exist; SyscallError;
 * UnsupportedError for a single process without the PMU, without tracefs where it is
 * needed, or for a cookie before 5.15; UnknownFeatureError where that is unknown.
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
  const path = executablePath(given ?? named!.path);
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
  if (options.pid !== undefined) features.require('uprobe_pmu', 'a probe for one process needs it');
  if (features.has('uprobe_pmu')) {
    const event = openEvent(pmuEvent('uprobe', retprobe, path, options.offset, options.pid));
    return attachToEvent(program, kind, event, options);
  }
  const probe = createTracefsProbe('uprobe_events', `${path}:0x${options.offset.toString(16)}`, { retprobe });
  return attachToProbe(program, kind, probe, path, options);
}
