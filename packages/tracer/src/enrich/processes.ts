/** Details of processes, cached: reading them takes some fifty microseconds, and a process that has ended has none. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { type ProcessDetails, readDetails, readState } from './procfs.js';

/** Reads processes; replaced in tests. */
export interface ProcessReader {
  /** Start time and command name of a process; undefined if it does not run. */
  state(pid: number): { readonly startTicks: number; readonly comm: string } | undefined;
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
}

interface Entry {
  details: ProcessDetails | undefined;
  startTicks: number;
  /** Command names for which the process was looked at since `checkedAt`; those of threads may all differ. */
  readonly comms: Set<string>;
  checkedAt: number;
  /** It was read before any event named it, and may have called exec() since. */
  isPreliminary: boolean;
}

/** Beyond this number of thread names, a process is read each time. */
const MAX_COMMS = 256;

const procReader: ProcessReader = { state: (pid) => readState(pid), details: (pid) => readDetails(pid) };

/**
 * Remembers details of processes. A process that has ended keeps its details until another process has its pid.
 */
export class Processes {
  /** In the order in which they were last asked for. */
  readonly #entries: BoundedMap<number, Entry>;
  readonly #freshMs: number;
  readonly #reader: ProcessReader;
  readonly #now: () => number;

  /** Makes an empty cache of processes. */
  constructor(options: ProcessesOptions = {}) {
    this.#entries = new BoundedMap(options.limit ?? 16_384);
    this.#freshMs = options.freshMs ?? 5_000;
    this.#reader = options.reader ?? procReader;
    this.#now = options.now ?? (() => performance.now());
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
   */
  details(pid: number, comm?: string): ProcessDetails | undefined {
    const now = this.#now();
    const entry = this.#entries.get(pid) ?? {
      details: undefined,
      startTicks: Number.NaN,
      comms: new Set<string>(),
      checkedAt: Number.NEGATIVE_INFINITY,
      isPreliminary: false,
    };
    this.#entries.set(pid, entry);
    const isFresh = now - entry.checkedAt < this.#freshMs;
    const isOfOther = comm !== undefined && !entry.comms.has(comm);
    if (!isFresh) entry.comms.clear();
    if (entry.isPreliminary || !isFresh || isOfOther) {
      const isAlive = this.#check(pid, entry, now);
      // The details from before exec() do not describe the process that caused this event.
      if (entry.isPreliminary && !isAlive && isOfOther) return undefined;
      entry.isPreliminary &&= !isAlive;
    }
    if (comm !== undefined && entry.comms.size < MAX_COMMS) entry.comms.add(comm);
    return entry.details;
  }

  /** Reads a process before an event names it: it may have ended by then. */
  anticipate(pid: number): void {
    const known = this.#entries.get(pid);
    if (known !== undefined && !known.isPreliminary) return;
    const entry: Entry = {
      details: undefined,
      startTicks: Number.NaN,
      comms: new Set<string>(),
      checkedAt: 0,
      isPreliminary: true,
    };
    if (this.#check(pid, entry, this.#now())) this.#entries.set(pid, entry);
  }

  /** False if the process has ended. */
  #check(pid: number, entry: Entry, now: number): boolean {
    entry.checkedAt = now;
    const state = this.#reader.state(pid);
    if (state === undefined) return false;
    entry.comms.add(state.comm);
    const details = this.#reader.details(pid);
    const isSame = state.startTicks === entry.startTicks;
    entry.startTicks = state.startTicks;
    if (isSame && entry.details !== undefined) {
      // In the middle of its end, a process has neither of these any more.
      const isEnding = details.executable === undefined && details.command_line === undefined;
      if (isEnding || sameDetails(details, entry.details)) return true;
    }
    entry.details = details;
    return true;
  }
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
