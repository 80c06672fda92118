/** Finds the processes of sockets, and questions those that were found. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { readState, readUid } from '../enrich/procfs.js';
import { StartTicks } from '../enrich/start-ticks.js';
import type { ConnectionProcess } from '../records/record.js';
import type { SocketOwners } from '../sockets/index.js';
import type { FindProcess } from './connection.js';

/** The time for which a process that was read between refreshes is not read again, milliseconds. */
const FRESH_MS = 200;
/** Processes that are remembered, those that have ended among them. */
const MAX_PROCESSES = 16_384;

/** Reads a process; replaced in tests. */
export interface ProcessIdentities {
  state: typeof readState;
  uid: typeof readUid;
}

interface Seen {
  /** undefined: it does not run. */
  running: ConnectionProcess | undefined;
  /** The last one that ran. */
  last: ConnectionProcess | undefined;
  at: number;
}

/** The processes that run, as of this refresh. */
class Running {
  readonly #seen = new BoundedMap<number, Seen>(MAX_PROCESSES);
  readonly #read: ProcessIdentities;
  #forgottenAt = Number.NEGATIVE_INFINITY;

  constructor(read: ProcessIdentities) {
    this.#read = read;
  }

  forget(): void {
    this.#forgottenAt = performance.now();
  }

  of(pid: number): ConnectionProcess | undefined {
    return this.#look(pid).running;
  }

  /** The process that has the pid, or had it last. */
  last(pid: number): ConnectionProcess | undefined {
    return this.#look(pid).last;
  }

  #look(pid: number): Seen {
    const now = performance.now();
    const known = this.#seen.get(pid);
    if (known !== undefined && known.at >= this.#forgottenAt && now - known.at < FRESH_MS) return known;
    const seen = known ?? { running: undefined, last: undefined, at: now };
    seen.at = now;
    seen.running = this.#identity(pid, seen.last);
    seen.last = seen.running ?? seen.last;
    this.#seen.set(pid, seen);
    return seen;
  }

  /** The same object as long as nothing has changed. */
  #identity(pid: number, before: ConnectionProcess | undefined): ConnectionProcess | undefined {
    const state = this.#read.state(pid);
    if (state === undefined) return undefined;
    const { startTicks, comm } = state;
    if (before?.start_ticks === startTicks && before.comm === comm) return before;
    const uid = this.#read.uid(pid);
    return { pid, start_ticks: startTicks, comm, ...(uid !== undefined && { uid }) };
  }
}

/**
 * Finds processes by the descriptors of sockets. If several processes have the socket, the one that is known is kept, else it is
 * the one with the lowest pid: mostly a server's parent rather than one of its workers. One that has ended, or whose pid is
 * another's now, or that does not have the socket any more, gives way to one that has it.
 */
export function processFinder(
  owners: SocketOwners,
  read: ProcessIdentities = { state: readState, uid: readUid },
  ticks: Pick<StartTicks, 'at'> = new StartTicks(),
): FindProcess {
  const processes = new Running(read);

  /** Whether `now` is the process that had the pid at that moment. */
  const isThat = (now: ConnectionProcess, known: ConnectionProcess, knownNs: number): boolean => {
    if (known.start_ticks !== undefined) return known.start_ticks === now.start_ticks;
    const tick = ticks.at(knownNs);
    // In the very tick of the event, one process may have ended and another begun.
    return now.start_ticks! < tick || (now.start_ticks === tick && (known.comm ?? now.comm) === now.comm);
  };
  const update = (known: ConnectionProcess, now: ConnectionProcess): ConnectionProcess =>
    known.start_ticks === now.start_ticks && known.comm === now.comm
      ? known
      : { ...now, ...(known.uid !== undefined && { uid: known.uid }) };

  const find = (
    inode: number,
    known: ConnectionProcess | undefined,
    knownNs = Number.POSITIVE_INFINITY,
  ): ConnectionProcess | undefined => {
    const now = known && processes.of(known.pid);
    const isAlive = known !== undefined && now !== undefined && isThat(now, known, knownNs);
    const pids = owners.pids(inode);
    if (isAlive) {
      // An event is younger than the last look at descriptors, or nobody is known to have the socket.
      const isLatest = Number.isFinite(knownNs) && knownNs > owners.sinceNs;
      if (pids === undefined || isLatest || owners.has(inode, known.pid)) return update(known, now);
    }
    const seenTick = ticks.at(owners.seenNs(inode));
    for (const pid of pids ?? []) {
      const holder = processes.of(pid);
      // One that began after the look has the pid of one that had the socket.
      if (holder !== undefined && holder.start_ticks! <= seenTick) return holder;
    }
    owners.want(inode);
    return known;
  };
  return Object.defineProperties(find, {
    version: { get: () => owners.passes },
    isSame: {
      value: (process: ConnectionProcess) => {
        const now = processes.of(process.pid);
        return now !== undefined && now.start_ticks === process.start_ticks && now.comm === process.comm;
      },
    },
    identify: {
      value: (process: ConnectionProcess, knownNs: number) => {
        const last = processes.last(process.pid);
        if (last === undefined || last.comm !== process.comm || !isThat(last, process, knownNs))
          return process;
        return update(process, last);
      },
    },
    hasSocket: { value: (inode: number, { pid }: ConnectionProcess) => owners.has(inode, pid) },
    holds: { value: (inode: number) => owners.pids(inode) !== undefined },
    beginRefresh: { value: () => processes.forget() },
  }) as FindProcess;
}
