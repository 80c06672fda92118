/**
 * The processes that hold a listening socket at this moment, for accepts that no hook sees. The one that called listen() may
 * have passed it on and ended, workers may share it, and several sockets may listen on one port (SO_REUSEPORT).
 */
import { AddressFormatter } from '@weir/ebpf/address';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { readSmallFile } from '@weir/ebpf/sys';
import { readState } from '../enrich/procfs.js';
import type { Endpoint, ProcessIdentity } from '../records/record.js';
import { SocketOwners } from './owners.js';
import { SocketReader } from './reader.js';

/** Sockets that listen, and who holds them; replaced in tests. */
export interface HolderSource {
  /** Calls back for each, with the inode of its namespace and its own. */
  listeners(found: (netns: number, inode: number, address: string, port: number) => void): void;
  /** Processes by the inode of a socket. */
  pids(inodes: ReadonlySet<number>): ReadonlyMap<number, readonly number[]>;
  /** undefined where it has ended. */
  process(pid: number): ProcessIdentity | undefined;
  now(): number;
}

/** What was read is used for this time at least, milliseconds, and for this many times the time that reading took. */
const FRESH_MS = 1_000;
const FRESH_TIMES = 20;
/** The same for a port about which nothing is known. */
const UNKNOWN_MS = 50;
const UNKNOWN_TIMES = 8;

/** The process that stands for the one that accepted. */
export interface Holder {
  /** undefined: none is known. */
  readonly process: ProcessIdentity | undefined;
  /** The number of processes that hold the socket. */
  readonly count: number;
}

/** Ports that are remembered, and processes. */
const MAX_KNOWN = 4096;
/** The time for which a process that was seen to live is not looked at again, milliseconds. */
const LIVES_MS = 10;
/** Holders of a socket that are all looked at. */
const MAX_CHECKED = 8;

/** Finds who holds a listening socket. */
export class ListenerHolders {
  readonly #source: HolderSource;
  /** By namespace, address and port. They stay when the socket is gone: a server may end before its accepts are read. */
  readonly #holders = new Map<string, Map<number, ProcessIdentity>>();
  /** When processes were last seen to live. */
  readonly #livedAt = new BoundedMap<number, number>(MAX_KNOWN);
  /** Nothing is read before. */
  #freshUntil = Number.NEGATIVE_INFINITY;
  #unknownUntil = Number.NEGATIVE_INFINITY;
  /** Processes that had ended when `#listed` was read, or before. */
  readonly #ended = new BoundedMap<number, true>(MAX_KNOWN);
  #listed: ReadonlySet<string> = new Set();
  #listedUntil = Number.NEGATIVE_INFINITY;

  constructor(source: HolderSource = hostSource()) {
    this.#source = source;
  }

  /**
   * Finds who stands for the process that accepted a connection to `local`.
   *
   * @param pid The process that called listen(), 0 if that is not known. It is preferred if it holds the socket.
   * @returns undefined if nothing better is known than that process.
   */
  find(netns: number, local: Endpoint, pid: number): Holder | undefined {
    if (this.#source.now() >= this.#freshUntil) this.#refresh();
    let holders = this.#lookUp(netns, local);
    let isStale = this.#isStale(holders, pid);
    if (isStale && this.#source.now() >= this.#unknownUntil) {
      this.#refresh();
      holders = this.#lookUp(netns, local);
      isStale = this.#isStale(holders, pid);
    }
    const [first] = holders?.values() ?? [];
    const process = holders?.get(pid) ?? first;
    if (isStale && this.#hasPassedOn(netns, local, process?.pid ?? pid))
      return { process: undefined, count: 0 };
    return holders === undefined || process === undefined ? undefined : { process, count: holders.size };
  }

  /** Whether nobody is known to hold the socket who lives. */
  #isStale(holders: Map<number, ProcessIdentity> | undefined, pid: number): boolean {
    if (holders === undefined) return true;
    return holders.size === 0 ? pid !== 0 && !this.#lives(pid) : !this.#hasLiving(holders, pid);
  }

  /**
   * Removes holders that have ended, but not the last of them: where the socket is gone as well, its server has ended before its accepts
   * were read. Where there are many holders, it looks only for one to be named. @returns false if all have ended.
   */
  #hasLiving(holders: Map<number, ProcessIdentity>, preferred: number): boolean {
    const isSmall = holders.size <= MAX_CHECKED;
    const order = holders.has(preferred) ? [preferred, ...holders.keys()] : [...holders.keys()];
    let hasLiving = false;
    for (const pid of order) {
      if (!holders.has(pid)) continue;
      if (this.#lives(pid)) hasLiving = true;
      else if (holders.size > 1) holders.delete(pid);
      if (hasLiving && !isSmall) return true;
    }
    return hasLiving;
  }

  #lives(pid: number): boolean {
    const now = this.#source.now();
    if (now - (this.#livedAt.get(pid) ?? Number.NEGATIVE_INFINITY) < LIVES_MS) return true;
    if (this.#source.process(pid) === undefined) return false;
    this.#livedAt.set(pid, now);
    return true;
  }

  #lookUp(netns: number, local: Endpoint): Map<number, ProcessIdentity> | undefined {
    for (const key of keysOf(netns, local)) {
      const holders = this.#holders.get(key);
      if (holders !== undefined) return holders;
    }
    return undefined;
  }

  /**
   * Whether the process has ended while its socket listens on: another, which is not known, has it. Reads little, and what was listed while
   * the process lived proves nothing.
   */
  #hasPassedOn(netns: number, local: Endpoint, pid: number): boolean {
    if (pid === 0) return false;
    const started = this.#source.now();
    if (started >= this.#listedUntil || !this.#ended.has(pid)) {
      if (this.#source.process(pid) !== undefined) {
        this.#ended.delete(pid);
        return false;
      }
      this.#ended.set(pid, true);
      this.#listed = new Set(this.#listening().values());
      const ended = this.#source.now();
      this.#listedUntil = ended + Math.max(UNKNOWN_MS, UNKNOWN_TIMES * (ended - started));
    }
    return keysOf(netns, local).some((key) => this.#listed.has(key));
  }

  /** Namespace, address and port of listening sockets, by inode. */
  #listening(): Map<number, string> {
    const keys = new Map<number, string>();
    this.#source.listeners((netns, inode, address, port) => keys.set(inode, `${netns} ${address} ${port}`));
    return keys;
  }

  #refresh(): void {
    const started = this.#source.now();
    const keys = this.#listening();
    if (this.#holders.size > MAX_KNOWN) this.#holders.clear();
    const pids = this.#source.pids(new Set(keys.keys()));
    // A socket without holders may have been closed since it was listed.
    const isHeld = (inode: number) => (pids.get(inode)?.length ?? 0) > 0;
    const still = [...keys.keys()].every(isHeld) ? keys : this.#listening();
    const found = new Map<string, number[]>();
    for (const [inode, key] of keys)
      if (isHeld(inode) || still.has(inode))
        found.set(key, [...(found.get(key) ?? []), ...(pids.get(inode) ?? [])]);
    for (const [key, all] of found) {
      const holders = this.#describe(all);
      // A process that ends has no descriptors any more when its sockets still listen, for a moment.
      if (holders.size > 0 || !this.#holders.has(key)) this.#holders.set(key, holders);
    }
    const ended = this.#source.now();
    this.#freshUntil = ended + Math.max(FRESH_MS, FRESH_TIMES * (ended - started));
    this.#unknownUntil = ended + Math.max(UNKNOWN_MS, UNKNOWN_TIMES * (ended - started));
  }

  /** In ascending order: mostly a server's parent before its workers. */
  #describe(pids: readonly number[]): Map<number, ProcessIdentity> {
    const holders = new Map<number, ProcessIdentity>();
    for (const pid of [...new Set(pids)].sort((a, b) => a - b)) {
      const process = this.#source.process(pid);
      if (process !== undefined) holders.set(pid, process);
    }
    return holders;
  }
}

/** In the kernel's order: sockets on the very address, else on a wildcard. */
function keysOf(netns: number, { address, port }: Endpoint): string[] {
  const addresses = [address, ...(address.includes(':') ? [] : ['0.0.0.0']), '::'];
  return addresses.map((each) => `${netns} ${each} ${port}`);
}

/** This host's. */
function hostSource(): HolderSource {
  const reader = new SocketReader({ tcp: false, udp: false, listeners: true });
  const addressText = new AddressFormatter();
  return {
    listeners: (found) => {
      reader.read(({ netns, inode, addresses, localPort }) => {
        found(netns, inode, addressText.format(addresses, 0), localPort);
      });
    },
    pids: (inodes) => {
      const owners = new SocketOwners();
      owners.step(Number.POSITIVE_INFINITY);
      return new Map([...inodes].map((inode) => [inode, owners.pids(inode) ?? []]));
    },
    process: readProcess,
    now: () => performance.now(),
  };
}

function readProcess(pid: number): ProcessIdentity | undefined {
  const comm = readState(pid)?.comm;
  const uid = /^Uid:\s+(\d+)/m.exec(readSmallFile(`/proc/${pid}/status`) ?? '')?.[1];
  return comm === undefined || uid === undefined ? undefined : { pid, tid: pid, comm, uid: Number(uid) };
}
