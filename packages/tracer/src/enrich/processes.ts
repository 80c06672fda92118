/** Details of processes, cached: reading them takes some fifty microseconds, and a process that has ended has none. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { type ProcessDetails, type ProcessState, readDetails, readState } from './procfs.js';
import { StartTicks } from './start-ticks.js';

/** Reads processes; replaced in tests. */
export interface ProcessReader {
  /** Start time and command name of a process; undefined if it does not run. */
  state(pid: number): ProcessState | undefined;
  /** Details of a process in /proc. */
  details(pid: number): ProcessDetails;
}

/** Options of {@link Processes}. */
export interface ProcessesOptions {
  /** The number of processes that are remembered; beyond it, the least recently used are forgotten. Default 16,384. */
  readonly limit?: number;
  /** The time for which details count as fresh, milliseconds. Default 5,000. */
  readonly freshMs?: number;
  readonly reader?: ProcessReader;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Compares start times with those of events; replaced in tests. */
  readonly ticks?: Pick<StartTicks, 'at'>;
}

/** What is known of a process besides its pid, which may be another one's by the time /proc is read. */
export interface ProcessMoment {
  /** When it began, as field 22 of /proc/PID/stat has it. Then the other members are not needed. */
  readonly startTicks?: number | undefined;
  /** A moment at which it lived: CLOCK_MONOTONIC, nanoseconds. A process that began later is another one. */
  readonly aliveNs?: number | undefined;
  /** An earlier moment at which it probably lived: one that began later counts only if it has the event's command name. */
  readonly sinceNs?: number | undefined;
}

interface Entry {
  details: ProcessDetails | undefined;
  startTicks: number;
  /** Command name when it was last read. */
  comm: string | undefined;
  /** Command names for which the process was looked at since `checkedAt`; those of threads may all differ. */
  readonly comms: Set<string>;
  /** Command names that it, or its threads, had when `details` were read, and since. */
  readonly names: Set<string>;
  /** Nothing more can be read of it. */
  hasEnded: boolean;
  checkedAt: number;
  /** When it was last seen to be the same process. */
  seenAt: number;
  /** It was read before any event named it, and may have called exec() since. */
  isPreliminary: boolean;
  /** The process that had this pid before. */
  former: Entry | undefined;
}

/** Beyond this number of thread names, a process is read each time. */
const MAX_COMMS = 256;
/**
 * The time after which a pid may be another process's, with the same name: about as long as a program takes to start. Milliseconds; a
 * look at its start time takes some tens of microseconds, and at 10 ms was a tenth of the time of a busy trace.
 */
const SAME_MS = 50;

const procReader: ProcessReader = { state: (pid) => readState(pid), details: (pid) => readDetails(pid) };

/**
 * Remembers details of processes. A process that has ended keeps its details, which a later one with its pid never gets.
 */
export class Processes {
  /** In the order in which they were last asked for. */
  readonly #entries: BoundedMap<number, Entry>;
  readonly #freshMs: number;
  readonly #reader: ProcessReader;
  readonly #now: () => number;
  readonly #ticks: Pick<StartTicks, 'at'>;

  /** Makes an empty cache of processes. */
  constructor(options: ProcessesOptions = {}) {
    this.#entries = new BoundedMap(options.limit ?? 16_384);
    this.#freshMs = options.freshMs ?? 5_000;
    this.#reader = options.reader ?? procReader;
    this.#now = options.now ?? (() => performance.now());
    this.#ticks = options.ticks ?? new StartTicks();
  }

  /** Number of processes that are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Details of a process; undefined if it had ended before it was first asked for. The same object as long as nothing
   * has changed.
   *
   * @param pid in the initial pid namespace, which has to be that of this process, too.
   * @param comm Command name in an event. If it differs from the one that was read, the process has called exec(), or is another
   * one, or its threads have names of their own: it is read anew, once for each name.
   * @param moment Distinguishes it from others that had the pid, or will have it. Without one, it is the process that runs now,
   * or else the last one that was seen.
   */
  details(pid: number, comm?: string, moment: ProcessMoment = {}): ProcessDetails | undefined {
    const entry = this.#current(pid, comm);
    const meant = this.#meant(entry, comm, moment);
    if (meant === undefined) return undefined;
    if (comm === undefined) return meant.details;
    if (meant.comms.size < MAX_COMMS) meant.comms.add(comm);
    // With another name, it has called exec() since it was read.
    if (meant.hasEnded && !meant.names.has(comm)) return withoutProgram(meant.details);
    if (meant.names.size < MAX_COMMS) meant.names.add(comm);
    return meant.details;
  }

  /** Reads a process before an event names it: it may have ended by then. */
  anticipate(pid: number): void {
    const known = this.#entries.get(pid);
    if (known !== undefined && !known.isPreliminary) {
      // The kernel gave the pid anew, if the process that had it is gone.
      if (this.#reader.state(pid)?.startTicks !== known.startTicks) this.#renew(pid, known, this.#now());
      return;
    }
    // It may have called exec() since.
    known?.comms.clear();
    this.#renew(pid, known ?? newEntry(undefined), this.#now(), true);
  }

  /** The process that has the pid now, or had it last. */
  #current(pid: number, comm: string | undefined): Entry {
    const now = this.#now();
    let entry = this.#entries.get(pid) ?? newEntry(undefined);
    const isFresh = now - entry.checkedAt < this.#freshMs;
    const isOfOther = comm !== undefined && !entry.comms.has(comm);
    if (!isFresh) entry.comms.clear();
    if (entry.isPreliminary || !isFresh || isOfOther) {
      const wasPreliminary = entry.isPreliminary;
      const read = this.#renew(pid, entry, now);
      // The details from before exec() do not describe the process that caused this event.
      if (wasPreliminary && read === undefined && isOfOther) return newEntry(undefined);
      if (read !== undefined) read.isPreliminary = false;
      entry = read ?? entry;
    } else if (now - entry.seenAt >= SAME_MS) {
      entry.seenAt = now;
      const state = this.#reader.state(pid);
      if (state !== undefined && state.startTicks !== entry.startTicks)
        entry = this.#renew(pid, entry, now) ?? entry;
    }
    this.#entries.set(pid, entry);
    return entry;
  }

  #meant(entry: Entry, comm: string | undefined, moment: ProcessMoment): Entry | undefined {
    const { startTicks, aliveNs, sinceNs } = moment;
    let meant: Entry | undefined = entry;
    if (startTicks !== undefined) {
      while (meant !== undefined && meant.startTicks !== startTicks) meant = meant.former;
      return meant;
    }
    if (aliveNs === undefined) return meant;
    const latest = this.#ticks.at(aliveNs);
    const likely = sinceNs === undefined ? latest : this.#ticks.at(sinceNs);
    // When the next process with the pid began.
    let end = Number.POSITIVE_INFINITY;
    while (meant !== undefined) {
      const { startTicks: start } = meant;
      // In the very tick of the event, a process may have ended and another begun.
      const isSure = start < latest && start <= likely && latest < end;
      const isPossible = start <= latest && likely <= end;
      const hasName = comm === undefined || meant.comm === undefined || meant.comm === comm;
      if (isSure || (isPossible && hasName) || Number.isNaN(start)) return meant;
      end = start;
      meant = meant.former;
    }
    return undefined;
  }

  /** Reads the process that has a pid now; undefined if there is none. */
  #renew(pid: number, known: Entry, now: number, isPreliminary = false): Entry | undefined {
    known.checkedAt = now;
    known.seenAt = now;
    const state = this.#reader.state(pid);
    if (state === undefined) {
      known.hasEnded = true;
      return undefined;
    }
    const isSame = state.startTicks === known.startTicks;
    const isFirst = Number.isNaN(known.startTicks);
    const entry = isSame || isFirst ? known : newEntry(known);
    entry.checkedAt = now;
    entry.seenAt = now;
    if (!isSame) entry.isPreliminary = isPreliminary;
    this.#entries.set(pid, entry);
    entry.comms.add(state.comm);
    entry.comm = state.comm;
    const details = this.#reader.details(pid);
    entry.startTicks = state.startTicks;
    if (isSame && entry.details !== undefined) {
      // In the middle of its end, a process has neither of these any more.
      const isEnding = details.executable === undefined && details.command_line === undefined;
      entry.hasEnded = isEnding;
      if (!isEnding) entry.names.add(state.comm);
      if (isEnding || sameDetails(details, entry.details)) return entry;
    }
    entry.hasEnded = false;
    entry.names.clear();
    entry.names.add(state.comm);
    entry.details = details;
    return entry;
  }
}

/** One predecessor is kept: records that name it may still come. */
function newEntry(former: Entry | undefined): Entry {
  if (former !== undefined) {
    former.former = undefined;
    former.hasEnded = true;
  }
  return {
    details: undefined,
    startTicks: Number.NaN,
    comm: undefined,
    comms: new Set<string>(),
    names: new Set<string>(),
    hasEnded: false,
    checkedAt: Number.NEGATIVE_INFINITY,
    seenAt: Number.NEGATIVE_INFINITY,
    isPreliminary: false,
    former,
  };
}

/** What a process keeps when it calls exec(). */
function withoutProgram(details: ProcessDetails | undefined): ProcessDetails | undefined {
  if (details === undefined) return undefined;
  const { executable, command_line, ...rest } = details;
  return rest;
}

function sameDetails(a: ProcessDetails, b: ProcessDetails): boolean {
  return (
    a.executable === b.executable &&
    a.command_line === b.command_line &&
    a.container_id === b.container_id &&
    a.pod_uid === b.pod_uid &&
    a.unit === b.unit
  );
}
