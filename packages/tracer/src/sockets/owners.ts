/**
 * Finds the processes that have a socket, by its inode, which /proc/PID/fd shows. The kernel offers no query for it, so the
 * descriptors of all processes are read; a host with 100,000 connections has even more of them. The work is therefore done in
 * steps of bounded time, and only when the owner of a socket is not known, or the last pass was long ago: a socket can be
 * passed on.
 */
import { readdirSync, readlinkSync } from 'node:fs';

/** Looks at descriptors; replaced in tests. */
export interface DescriptorReader {
  /** Process ids. */
  pids(): readonly number[];
  /** Numbers of a process's descriptors; none if it has ended or may not be looked at. */
  descriptors(pid: number): readonly string[];
  /** Inode of the socket behind a descriptor; undefined if it is none. */
  socket(pid: number, descriptor: string): number | undefined;
}

export interface SocketOwnersOptions {
  /** Maximum duration of one {@link SocketOwners.step}, milliseconds. Default 20. */
  readonly stepMs?: number;
  /** All descriptors are looked at again after this time, milliseconds, since sockets can be passed on. Default 60,000. */
  readonly repeatMs?: number;
  /** A socket whose owner was not found is looked for again no sooner than this, milliseconds. Default 5,000. */
  readonly retryMs?: number;
  readonly reader?: DescriptorReader;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** Between two looks at the clock. */
const DESCRIPTORS_AT_A_TIME = 64;

interface Pass {
  readonly startedAt: number;
  readonly pids: readonly number[];
  readonly owners: Owners;
  nextPid: number;
  pid: number;
  descriptors: readonly string[];
  nextDescriptor: number;
}

/** Owners by inode. Nearly every socket has one, so further ones are kept apart. */
class Owners {
  readonly #first = new Map<number, number>();
  readonly #all = new Map<number, number[]>();

  add(inode: number, pid: number): void {
    const first = this.#first.get(inode);
    if (first === undefined) this.#first.set(inode, pid);
    else if (first !== pid) {
      const all = this.#all.get(inode);
      if (all === undefined) this.#all.set(inode, [first, pid]);
      else if (!all.includes(pid)) all.push(pid);
    }
  }

  get(inode: number): readonly number[] | undefined {
    const all = this.#all.get(inode);
    if (all !== undefined) return all;
    const first = this.#first.get(inode);
    return first === undefined ? undefined : [first];
  }

  get size(): number {
    return this.#first.size;
  }
}

/** The owners of sockets, found little by little. Needs CAP_SYS_PTRACE for processes of other users. */
export class SocketOwners {
  readonly #stepMs: number;
  readonly #repeatMs: number;
  readonly #retryMs: number;
  readonly #reader: DescriptorReader;
  readonly #now: () => number;
  #owners = new Owners();
  #passes = 0;
  #completedAt = Number.NEGATIVE_INFINITY;
  /** When the pass began that gave `#owners`. */
  #knownSince = Number.NEGATIVE_INFINITY;
  /** When an owner was last asked for that is not known. */
  #missedAt = Number.NEGATIVE_INFINITY;
  #pass: Pass | undefined;

  constructor(options: SocketOwnersOptions = {}) {
    this.#stepMs = options.stepMs ?? 20;
    this.#repeatMs = options.repeatMs ?? 60_000;
    this.#retryMs = options.retryMs ?? 5_000;
    this.#reader = options.reader ?? procReader;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Sockets whose owner is known. */
  get size(): number {
    return this.#owners.size;
  }

  /** The number of passes over all descriptors. */
  get passes(): number {
    return this.#passes;
  }

  /** Whether a look at all descriptors is under way. */
  get isLooking(): boolean {
    return this.#pass !== undefined;
  }

  /**
   * The processes that have a socket, in ascending order; undefined if none is known, which is looked for in the next
   * steps. Inode 0 has none: the application has closed it, or not accepted it yet.
   */
  pids(inode: number): readonly number[] | undefined {
    if (inode === 0) return undefined;
    const found = this.peek(inode);
    if (found === undefined) this.#missedAt = this.#now();
    return found;
  }

  /** The same, but starts no search for an unknown owner. */
  peek(inode: number): readonly number[] | undefined {
    return this.#owners.get(inode) ?? this.#pass?.owners.get(inode);
  }

  /**
   * Goes on looking, if there is a reason to.
   *
   * @param budgetMs For this step. Infinity: to the end.
   * @returns whether there is nothing left to do for now.
   */
  step(budgetMs = this.#stepMs): boolean {
    const until = this.#now() + budgetMs;
    this.#pass ??= this.#begin();
    const pass = this.#pass;
    if (pass === undefined) return true;
    do {
      if (!this.#advance(pass)) {
        this.#pass = undefined;
        this.#owners = pass.owners;
        this.#passes++;
        this.#knownSince = pass.startedAt;
        this.#completedAt = this.#now();
        return true;
      }
    } while (this.#now() < until);
    return false;
  }

  #begin(): Pass | undefined {
    const now = this.#now();
    const isOld = now - this.#completedAt >= this.#repeatMs;
    // An owner that the last pass did not find is not found by another pass so soon.
    const isMissed = this.#missedAt > this.#knownSince && now - this.#completedAt >= this.#pause();
    if (!isOld && !isMissed) return undefined;
    return {
      startedAt: now,
      pids: [...this.#reader.pids()].sort((a, b) => a - b),
      owners: new Owners(),
      nextPid: 0,
      pid: 0,
      descriptors: [],
      nextDescriptor: 0,
    };
  }

  /** Passes that take long are made less often. */
  #pause(): number {
    const took = this.#completedAt - this.#knownSince;
    return Number.isFinite(took) ? Math.max(this.#retryMs, 2 * took) : 0;
  }

  /** A few descriptors of one process. False at the end. */
  #advance(pass: Pass): boolean {
    if (pass.nextDescriptor >= pass.descriptors.length) {
      const pid = pass.pids[pass.nextPid++];
      if (pid === undefined) return false;
      pass.pid = pid;
      pass.descriptors = this.#reader.descriptors(pid);
      pass.nextDescriptor = 0;
    }
    const end = Math.min(pass.nextDescriptor + DESCRIPTORS_AT_A_TIME, pass.descriptors.length);
    for (; pass.nextDescriptor < end; pass.nextDescriptor++) {
      const inode = this.#reader.socket(pass.pid, pass.descriptors[pass.nextDescriptor]!);
      if (inode !== undefined) pass.owners.add(inode, pass.pid);
    }
    return true;
  }
}

const socketLink = 'socket:[';

/** Inode of a link such as `socket:[12345]`; undefined for other files. Pure. */
export function socketInode(link: string): number | undefined {
  if (!link.startsWith(socketLink)) return undefined;
  const inode = Number(link.slice(socketLink.length, -1));
  return Number.isInteger(inode) ? inode : undefined;
}

const procReader: DescriptorReader = {
  pids: () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
  descriptors: (pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`);
    } catch {
      return [];
    }
  },
  socket: (pid, descriptor) => {
    try {
      return socketInode(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
    } catch {
      return undefined;
    }
  },
};
