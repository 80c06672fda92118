/** Probes on functions of programs and shared libraries. */
import { features as kernelFeatures } from '../features/table.js';
import type { Program } from '../program/program.js';
import { attachToProbe, pmuEvent } from './kprobe.js';
import type { Link } from './link.js';
import { attachToEvent, openEvent, type PerfAttachOptions } from './perf-event.js';
import { createTracefsProbe } from './tracefs-probe.js';

/** Options of {@link attachUprobe}. */
export interface UprobeOptions extends PerfAttachOptions {
  /** Bytes from the start of the file (not an address) to the instruction. */
  readonly offset: number;
  /** Runs when the function returns. Default: when it is called. */
  readonly retprobe?: boolean;
  /** Only this process. Default: all that map the file. Needs the uprobe PMU. */
  readonly pid?: number;
}

/**
 * Attaches to an instruction of an executable file: through the uprobe PMU (4.17), else through tracefs
 * (4.3).
 * @throws SyscallError; UnsupportedError for a single process without the PMU, without tracefs where it is
 * needed, or for a cookie before 5.15; UnknownFeatureError where that is unknown.
 */
export function attachUprobe(program: Program, path: string, options: UprobeOptions): Link {
  const features = options.features ?? kernelFeatures;
  const retprobe = options.retprobe === true;
  const kind = retprobe ? 'uretprobe' : 'uprobe';
  if (options.pid !== undefined) features.require('uprobe_pmu', 'a probe for one process needs it');
  if (features.has('uprobe_pmu')) {
    const event = openEvent(pmuEvent('uprobe', retprobe, path, options.offset, options.pid));
    return attachToEvent(program, kind, event, options);
  }
  const probe = createTracefsProbe('uprobe_events', `${path}:0x${options.offset.toString(16)}`, { retprobe });
  return attachToProbe(program, kind, probe, path, options);
}
