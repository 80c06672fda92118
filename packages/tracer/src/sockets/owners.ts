/**
 * Finds the processes that have a socket, by its inode, which /proc/PID/fd shows. The kernel offers no query for it, so the
 * descriptors of all processes are read, again and again, since sockets are passed on; a host with 100,000 connections has even
 * more of them. The work is therefore done in steps of bounded time, and takes a bounded share of it.
 */
import { monotonicNs } from '@weir/ebpf/sys';
import { procReader, socketInode } from './descriptors.js';
import type { HolderWalk, NamespaceHolder } from './holders.js';
import { OwnerTable } from './owner-table.js';

/** Looks at descriptors; replaced in tests. */
export interface DescriptorReader {
  /** Process ids. */
  pids(): readonly number[];
  /** A process's descriptors, by names that {@link DescriptorReader.link} takes; none if it has ended or may not be looked at. */
  descriptors(pid: number): readonly string[];
  /** Where a descriptor leads, such as `socket:[1]`; undefined if it is gone. */
  link(pid: number, descriptor: string): string | undefined;
  /** Inode of the network namespace that a descriptor with this link holds; undefined for other files. */
  namespace?(pid: number, descriptor: string, link: string): number | undefined;
}

export interface SocketOwnersOptions {
  /** Maximum duration of one {@link SocketOwners.step}, milliseconds. Default 20. */
  readonly stepMs?: number;
  /** Shortest time from one pass over all descriptors to the next, milliseconds; passes that take long are rarer. Default 1,000. */
  readonly repeatMs?: number;
  /** The time between two passes, as a multiple of what the last one took. Default 20, and a tenth of it while an owner is wanted. */
  readonly rest?: number;
  readonly reader?: DescriptorReader;
  /** Looks at all descriptors at once, which is much faster. Default: they are read one by one. */
  readonly walk?: HolderWalk;
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly now?: () => number;
}

/** Between two looks at the clock. */
const DESCRIPTORS_AT_A_TIME = 64;

interface Pass {
  readonly startedAt: number;
  readonly pids: readonly number[];
  readonly owners: OwnerTable;
  readonly namespaces: Map<number, NamespaceHolder>;
  /** Sockets whose owner was wanted before it began. */
  readonly sought: ReadonlySet<number>;
  nextPid: number;
  pid: number;
  descriptors: readonly string[];
  nextDescriptor: number;
  tookMs: number;
}

/** The owners of sockets, found little by little. Needs CAP_SYS_PTRACE for processes of other users. */
export class SocketOwners {
  readonly #stepMs: number;
  readonly #repeatMs: number;
  readonly #rest: number;
  readonly #reader: DescriptorReader;
  readonly #walk: HolderWalk | undefined;
  readonly #now: () => number;
  #owners = new OwnerTable();
  #namespaces: ReadonlyMap<number, NamespaceHolder> = new Map();
  #passes = 0;
  #completedAt = Number.NEGATIVE_INFINITY;
  /** What the last pass took. */
  #tookMs = 0;
  /** When the pass began that gave `#owners`. */
  #knownSince = Number.NEGATIVE_INFINITY;
  #pass: Pass | undefined;
  /** Sockets whose owner is wanted, and that no pass has looked for yet. */
  #wanted = new Set<number>();
  /** Sockets that passes have looked for in vain, and those of them that were asked for since the last pass. */
  #vain: ReadonlySet<number> = new Set();
  #vainWanted = new Set<number>();

  constructor(options: SocketOwnersOptions = {}) {
    this.#stepMs = options.stepMs ?? 20;
    this.#repeatMs = options.repeatMs ?? 1_000;
    this.#rest = options.rest ?? 20;
    this.#reader = options.reader ?? procReader;
    this.#walk = options.walk;
    this.#now = options.now ?? (() => Number(monotonicNs()) / 1e6);
  }

  /** Sockets whose owner is known. */
  get size(): number {
    return this.#owners.size;
  }

  /** What holds network namespaces, by inode; among them are namespaces of other types. */
  get namespaces(): ReadonlyMap<number, NamespaceHolder> {
    return this.#namespaces;
  }

  /** The number of passes over all descriptors. */
  get passes(): number {
    return this.#passes;
  }

  /** When the last complete pass began: CLOCK_MONOTONIC, nanoseconds. Minus infinity before the first. */
  get sinceNs(): number {
    return this.#knownSince * 1e6;
  }

  /** Whether a look at all descriptors is under way. */
  get isLooking(): boolean {
    return this.#pass !== undefined;
  }

  /** The processes that had a socket at the last look, in ascending order; undefined if none is known. Inode 0 has none. */
  pids(inode: number): readonly number[] | undefined {
    return this.#owners.get(inode) ?? this.#pass?.owners.get(inode);
  }

  /** When the look began at which `pids` had the socket: CLOCK_MONOTONIC, nanoseconds. */
  seenNs(inode: number): number {
    const isInPass = this.#pass !== undefined && this.#owners.get(inode) === undefined;
    return (isInPass ? this.#pass!.startedAt : this.#knownSince) * 1e6;
  }

  /** Whether a process had a socket at the last look. */
  has(inode: number, pid: number): boolean {
    return this.#owners.has(inode, pid) || this.#pass?.owners.has(inode, pid) === true;
  }

  /** Has the owner of a socket looked for soon, once: what one pass does not find, others find as the rule is. */
  want(inode: number): void {
    if (inode === 0 || this.#pass?.sought.has(inode)) return;
    if (this.#vain.has(inode)) this.#vainWanted.add(inode);
    else this.#wanted.add(inode);
  }

  /**
   * Goes on looking, if there is a reason to.
   *
   * @param budgetMs For this step. Infinity: to the end.
   * @returns whether there is nothing left to do for now.
   */
  step(budgetMs = this.#stepMs): boolean {
    const from = this.#now();
    this.#pass ??= this.#begin(from);
    const pass = this.#pass;
    if (pass === undefined) return true;
    if (this.#walk !== undefined) {
      this.#walk({
        socket: (inode, pid) => pass.owners.add(inode, pid),
        namespace: (inode, holder) => {
          // A descriptor needs no help of the process that has it.
          if (!holder.isSocket || !pass.namespaces.has(inode)) pass.namespaces.set(inode, holder);
        },
      });
      pass.tookMs = this.#now() - from;
      this.#complete(pass);
      return true;
    }
    let now = from;
    do {
      if (!this.#advance(pass)) {
        pass.tookMs += this.#now() - from;
        this.#complete(pass);
        return true;
      }
      now = this.#now();
    } while (now < from + budgetMs);
    pass.tookMs += now - from;
    return false;
  }

  #begin(now: number): Pass | undefined {
    const rest = now - this.#completedAt;
    const isDue = rest >= Math.max(this.#repeatMs, this.#rest * this.#tookMs);
    const isWanted = this.#wanted.size > 0 && rest >= (this.#rest / 10) * this.#tookMs;
    if (!isDue && !isWanted) return undefined;
    const sought = this.#wanted;
    this.#wanted = new Set();
    return {
      startedAt: now,
      pids: this.#walk === undefined ? [...this.#reader.pids()].sort((a, b) => a - b) : [],
      owners: new OwnerTable(),
      namespaces: new Map(),
      sought,
      nextPid: 0,
      pid: 0,
      descriptors: [],
      nextDescriptor: 0,
      tookMs: 0,
    };
  }

  #complete(pass: Pass): void {
    this.#pass = undefined;
    this.#owners = pass.owners;
    this.#namespaces = pass.namespaces;
    this.#passes++;
    this.#knownSince = pass.startedAt;
    this.#completedAt = this.#now();
    this.#tookMs = pass.tookMs;
    const isMissing = (inode: number) => pass.owners.get(inode) === undefined;
    this.#vain = new Set([...pass.sought, ...this.#vainWanted].filter(isMissing));
    this.#vainWanted = new Set();
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
      const descriptor = pass.descriptors[pass.nextDescriptor]!;
      const link = this.#reader.link(pass.pid, descriptor);
      if (link === undefined) continue;
      const inode = socketInode(link);
      if (inode !== undefined) pass.owners.add(inode, pass.pid);
      const namespace =
        inode === undefined ? this.#reader.namespace?.(pass.pid, descriptor, link) : undefined;
      if (namespace !== undefined) {
        const fd = Number(descriptor.slice(descriptor.lastIndexOf('/') + 1));
        pass.namespaces.set(namespace, { pid: pass.pid, fd, isSocket: false });
      }
    }
    return true;
  }
}
