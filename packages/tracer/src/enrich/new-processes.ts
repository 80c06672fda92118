/** Reads processes soon after they began, so that details of short-lived ones are known. */
import { readSmallFile } from '@weir/ebpf/sys';
import type { Processes } from './processes.js';

/** A process that lives for less than this may be missed. */
const INTERVAL_MS = 50;
/** The number of processes, the newest, that are read in one interval: each takes some fifty microseconds. */
const LIMIT = 32;

/** Access to /proc; tests replace it. */
export interface NewProcessReader {
  /** The pid that was given last, to a process or a thread. */
  lastPid(): number | undefined;
  /** Whether it is a process, rather than a thread or nothing. */
  isProcess(pid: number): boolean;
}

const procReader: NewProcessReader = {
  lastPid: () => {
    const last = Number(readSmallFile('/proc/loadavg')?.trim().split(' ').at(-1));
    return Number.isInteger(last) ? last : undefined;
  },
  isProcess: (pid) => readSmallFile(`/proc/${pid}/status`)?.includes(`\nTgid:\t${pid}\n`) === true,
};

/** Follows the last pid that the kernel gave (proc_loadavg(5)). Its timer keeps no process running; dispose of it to end it. */
export class NewProcesses implements Disposable {
  readonly #processes: Pick<Processes, 'anticipate'>;
  readonly #reader: NewProcessReader;
  readonly #timer: NodeJS.Timeout;
  #last: number | undefined;
  /** Processes of the last interval, which may have called exec() since. */
  #recent: readonly number[] = [];

  /** Begins to look for new processes. */
  constructor(processes: Pick<Processes, 'anticipate'>, reader: NewProcessReader = procReader) {
    this.#processes = processes;
    this.#reader = reader;
    this.#last = reader.lastPid();
    this.#timer = setInterval(() => this.look(), INTERVAL_MS).unref();
  }

  /** Reads the processes that are new since the last call, and once more those of the last call. */
  look(): void {
    const last = this.#reader.lastPid();
    const before = this.#last;
    this.#last = last;
    for (const pid of this.#recent) this.#processes.anticipate(pid);
    this.#recent = [];
    if (last === undefined || last === before) return;
    // Pids begin anew at some point.
    const first = before === undefined || before > last ? last : Math.max(before + 1, last - LIMIT + 1);
    const pids = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    this.#recent = pids.filter((pid) => this.#reader.isProcess(pid));
    for (const pid of this.#recent) this.#processes.anticipate(pid);
  }

  /** Ends the search. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
