/** Tracepoints with the argument layout that tracefs describes. */
import type { ProgramHandle } from '../program/program-handle.js';
import { PerfType } from '../sys/perf-event-open.js';
import { ProgramType } from '../uapi/program-types.js';
import type { Link } from './link.js';
import { attachToEvent, openEvent, type PerfAttachOptions } from './perf-event.js';
import { requireType } from './program-kind.js';
import { tracepointId } from './tracefs.js';

/**
 * Attaches to a tracepoint on all CPUs (4.7).
 * @param event `group/name`, such as `sched/sched_process_exec`. Default: what the program's section names.
 * @throws UnsupportedError if tracefs is not mounted or has no such tracepoint, or for a cookie before 5.15;
 * UnknownFeatureError where tracefs is not readable, or the kernel's links are unknown; SyscallError
 */
export function attachTracepoint(
  program: ProgramHandle,
  event: string = program.attachTo ?? '',
  options: PerfAttachOptions = {},
): Link {
  requireType(program, 'attachTracepoint', ProgramType.tracepoint);
  return attachToEvent(program, 'tracepoint', openTracepoint(tracepointId(event), event), options);
}

/** A perf event of a tracepoint. The program runs on whichever CPU it fires: the event's own one does not matter. */
export function openTracepoint(id: number, name: string) {
  return openEvent({ type: PerfType.tracepoint, config: id, cpu: 0, what: `tracepoint ${name}` });
}
