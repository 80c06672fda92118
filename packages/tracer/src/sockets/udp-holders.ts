/**
 * The processes of UDP flows where only the one that made the socket is known. A daemon's first process leaves its socket to another
 * and ends: then the flow is that of one that holds the socket.
 */
import { readState, readUid } from '../enrich/procfs.js';
import { StartTicks } from '../enrich/start-ticks.js';
import type { ConnectionProcess } from '../records/record.js';
import { SocketOwners } from './owners.js';
import { SocketReader } from './reader.js';
import type { UdpFlow } from './udp-flow.js';

/** UDP sockets, and who holds them; replaced in tests. */
export interface UdpHolderSource {
  /** Inodes of sockets by cookie. */
  inodes(): ReadonlyMap<number, number>;
  /** Finds the processes that have a socket, by its inode, in ascending order. */
  owners(): (inode: number) => readonly number[];
  /** Start time and name of a process; undefined where it has ended. */
  process(pid: number): { readonly startTicks: number; readonly comm: string } | undefined;
  uid(pid: number): number | undefined;
  /** Clock ticks after boot of a moment on CLOCK_MONOTONIC. */
  ticksAt(ns: number): number;
  /** Milliseconds. */
  now(): number;
}

/** The time from one look at all descriptors to the next, milliseconds, and as a multiple of what the last one took. */
const REST_MS = 1_000;
const REST_TIMES = 20;

interface Successor {
  /** undefined: nobody is seen to hold the socket. */
  readonly process: ConnectionProcess | undefined;
  readonly startTicks: number;
}

/** Finds the successors of processes that have ended while their sockets live on. */
export class UdpHolders {
  readonly #source: UdpHolderSource;
  /** By network namespace and cookie of the socket. */
  readonly #successors = new Map<string, Successor>();
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(source: UdpHolderSource = hostSource()) {
    this.#source = source;
  }

  /** Looks at the processes of flows whose sockets are open, and forgets all other sockets. */
  update(flows: readonly UdpFlow[]): void {
    const sockets = new Set(flows.map(socketOf));
    for (const socket of this.#successors.keys()) if (!sockets.has(socket)) this.#successors.delete(socket);
    const starts = new Map<number, number | undefined>();
    const startOf = (pid: number) => {
      if (!starts.has(pid)) starts.set(pid, this.#source.process(pid)?.startTicks);
      return starts.get(pid);
    };
    const orphans = flows.filter((flow) => this.#hasEnded(flow, startOf));
    if (orphans.length > 0 && this.#source.now() >= this.#restUntil) this.#findSuccessors(orphans);
  }

  /** The flow, with the process that holds its socket where the one that made it has ended. */
  correct(flow: UdpFlow): UdpFlow {
    const successor = this.#successors.get(socketOf(flow));
    if (successor === undefined) return flow;
    const { process: _, ...rest } = flow;
    return { ...rest, ...(successor.process !== undefined && { process: successor.process }) };
  }

  #hasEnded(flow: UdpFlow, startOf: (pid: number) => number | undefined): boolean {
    const { process, process_ns, started_ns } = flow;
    const successor = this.#successors.get(socketOf(flow));
    const pid = successor === undefined ? process?.pid : successor.process?.pid;
    if (pid === undefined) return successor !== undefined;
    const start = startOf(pid);
    if (start === undefined) return true;
    return successor === undefined
      ? start > this.#source.ticksAt(process_ns ?? started_ns)
      : start !== successor.startTicks;
  }

  #findSuccessors(flows: readonly UdpFlow[]): void {
    const started = this.#source.now();
    const inodes = this.#source.inodes();
    const pids = this.#source.owners();
    for (const flow of flows) {
      const { cookie } = flow;
      const inode = cookie === undefined ? undefined : inodes.get(cookie);
      // Closed since its flow was read: by the process that made it, as far as anybody knows.
      if (inode === undefined) continue;
      this.#successors.set(socketOf(flow), this.#firstOf(pids(inode)));
    }
    const ended = this.#source.now();
    this.#restUntil = ended + Math.max(REST_MS, REST_TIMES * (ended - started));
  }

  #firstOf(pids: readonly number[]): Successor {
    for (const pid of pids) {
      const found = this.#source.process(pid);
      if (found === undefined) continue;
      const uid = this.#source.uid(pid);
      const process = { pid, comm: found.comm, ...(uid !== undefined && { uid }) };
      return { process, startTicks: found.startTicks };
    }
    return { process: undefined, startTicks: Number.NaN };
  }
}

function socketOf({ netns, cookie }: UdpFlow): string {
  return `${netns} ${cookie}`;
}

/** This host's. */
function hostSource(): UdpHolderSource {
  const reader = new SocketReader({ tcp: false, listeners: false });
  const ticks = new StartTicks();
  return {
    inodes: () => {
      const inodes = new Map<number, number>();
      reader.read(({ cookie, inode }) => inodes.set(cookie, inode));
      return inodes;
    },
    owners: () => {
      const owners = new SocketOwners();
      owners.step(Number.POSITIVE_INFINITY);
      return (inode) => owners.pids(inode) ?? [];
    },
    process: (pid) => readState(pid),
    uid: (pid) => readUid(pid),
    ticksAt: (ns) => ticks.at(ns),
    now: () => performance.now(),
  };
}
