/** Programs that run when a perf event fires: samples, and the events that stand for tracepoints and probes. */
import { readSync } from 'node:fs';
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
import type { Fd } from '../sys/fd.js';
import { readSmallFile } from '../sys/files.js';
import { describeObstacle, refusal } from '../sys/obstacle.js';
import { type PerfEventOptions, PerfIoctl, perfEventIoctl, perfEventOpen } from '../sys/perf-event-open.js';
import { type Situation, situation } from '../sys/situation.js';
import { AttachType } from '../uapi/attach-types.js';
import { createLink, FdLink, type Link } from './link.js';

/** Options of attachments by a perf event: kprobes, uprobes, tracepoints. */
export interface PerfAttachOptions {
  /** The value that bpf_get_attach_cookie() returns in the program (5.15). */
  readonly cookie?: bigint;
  /** The features by which the way to attach is chosen. Default: those of the running kernel. */
  readonly features?: FeatureTable;
}

/** Opens a perf event. @throws SyscallError with the missing privilege, where that is the reason. */
export function openEvent(event: PerfEventOptions): Fd {
  try {
    return perfEventOpen(event);
  } catch (error) {
    const advice = error instanceof SyscallError ? explainPerfFailure(error.errno) : undefined;
    if (advice === undefined) throw error;
    const { syscall, errno } = error as SyscallError;
    throw new SyscallError(syscall, errno, advice);
  }
}

/** How often an open event happened: the u64 that read(2) gives. */
export function eventCount(event: Fd): number {
  const bytes = Buffer.alloc(8);
  readSync(event.fd, bytes);
  return Number(bytes.readBigUInt64LE());
}

/** The cause of a failed perf_event_open(2), as far as this process can find out. */
export function explainPerfFailure(errno: number, here: Situation = situation): string | undefined {
  const { EACCES, ENOSYS, EPERM } = constants.errno;
  if (errno === ENOSYS)
    return here.seccomp()
      ? 'a seccomp filter blocks perf_event_open(2): run it outside of the container'
      : 'this kernel was built without CONFIG_PERF_EVENTS';
  if (errno !== EACCES && errno !== EPERM) return undefined;
  // Perf events do not count against the limit that BPF objects count against.
  const obstacle = describeObstacle(refusal(errno, ['CAP_PERFMON'], { ...here, memlock: () => undefined }));
  const paranoid = readSmallFile('/proc/sys/kernel/perf_event_paranoid')?.trim() ?? 'unknown';
  return `${obstacle} (kernel.perf_event_paranoid is ${paranoid})`;
}

/**
 * Attaches to an open perf event and enables it: by a bpf_link (5.15), else by ioctl. Takes ownership of the event, also
 * when it throws.
 * @param undo Done once after the event is closed.
 * @throws SyscallError; UnsupportedError for a cookie where there is no bpf_link.
 */
export function attachToEvent(
  program: ProgramHandle,
  kind: string,
  event: Fd,
  options: PerfAttachOptions = {},
  undo: () => void = () => {},
): Link {
  const features = options.features ?? kernelFeatures;
  let link: Fd | undefined;
  try {
    if (options.cookie !== undefined) features.require('perf_link', 'cookies need it');
    if (features.has('perf_link')) {
      const { cookie = 0n } = options;
      link = createLink(program, event.fd, AttachType.perfEvent, { perfEvent: { bpfCookie: cookie } });
    } else {
      perfEventIoctl(event.fd, PerfIoctl.setBpf, program.fd, 'PERF_EVENT_IOC_SET_BPF');
    }
    perfEventIoctl(event.fd, PerfIoctl.enable, 0, 'PERF_EVENT_IOC_ENABLE');
  } catch (error) {
    link?.[Symbol.dispose]();
    event[Symbol.dispose]();
    undo();
    throw error;
  }
  return link === undefined ? new EventLink(kind, event, undo) : new PerfLink(kind, link, event, undo);
}

/** An attachment that ends with its perf event. */
class EventLink implements Link {
  readonly kind: string;
  readonly #event: Fd;
  readonly #undo: () => void;

  constructor(kind: string, event: Fd, undo: () => void) {
    this.kind = kind;
    this.#event = event;
    this.#undo = undo;
  }

  get descriptors(): readonly number[] {
    return [this.#event.fd];
  }

  [Symbol.dispose](): void {
    if (this.#event.closed) return;
    this.#event[Symbol.dispose]();
    this.#undo();
  }
}

/** A bpf_link, which holds the perf event as well. */
class PerfLink extends FdLink {
  readonly #event: EventLink;

  constructor(kind: string, link: Fd, event: Fd, undo: () => void) {
    super(kind, link);
    this.#event = new EventLink(kind, event, undo);
  }

  override get descriptors(): readonly number[] {
    return [...super.descriptors, ...this.#event.descriptors];
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#event[Symbol.dispose]();
  }
}

/**
 * Runs a program at each sample of a perf event: a timer, a hardware counter (4.9).
 * @param event Which event, on which process or CPU, how often: `samplePeriod` or `sampleFrequency`.
 * @throws SyscallError; UnsupportedError for a cookie before 5.15; UnknownFeatureError where that is unknown.
 */
export function attachPerfEvent(
  program: ProgramHandle,
  event: PerfEventOptions,
  options: PerfAttachOptions = {},
): Link {
  return attachToEvent(program, 'perf_event', openEvent({ what: 'a sampled event', ...event }), options);
}
