/**
 * The processes that hold a listening socket at this moment, for accepts that no hook sees. The one that called listen() may
 * have passed it on and ended, workers may share it, and several sockets may listen on one port (SO_REUSEPORT).
 */
import { AddressFormatter } from '@weir/ebpf/address';
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

/** The process that stands for the one that accepted. */
export interface Holder {
  /** undefined: none is known. */
  readonly process: ProcessIdentity | undefined;
  /** The number of processes that hold the socket, 0 where that is not known. */
  readonly count: number;
}

/** Finds a living holder of a listening socket. */
export class ListenerHolders {
  readonly #source: HolderSource;
  readonly #holders = new Map<string, Set<number>>();
  #freshUntil = Number.NEGATIVE_INFINITY;

  constructor(source: HolderSource = hostSource()) {
    this.#source = source;
  }

  /**
   * Finds who holds the listening socket of a connection to `local`.
   *
   * @param pid The process that called listen(), 0 if that is not known: it is preferred if it holds the socket, or if it
   * lives and no holder is found.
   */
  find(netns: number, local: Endpoint, pid: number): Holder {
    if (this.#source.now() >= this.#freshUntil) this.#refresh();
    const pids = this.#pids(netns, local);
    const isPossible = pid !== 0 && (pids.length === 0 || pids.includes(pid));
    for (const candidate of isPossible ? [pid, ...pids] : pids) {
      const process = this.#source.process(candidate);
      if (process !== undefined) return { process, count: pids.length };
    }
    return { process: undefined, count: 0 };
  }

  /** In the kernel's order: sockets on the very address, else on a wildcard. */
  #pids(netns: number, { address, port }: Endpoint): readonly number[] {
    for (const key of [address, ...(address.includes(':') ? [] : ['0.0.0.0']), '::']) {
      const holders = this.#holders.get(`${netns} ${key} ${port}`);
      if (holders !== undefined) return [...holders].sort((a, b) => a - b);
    }
    return [];
  }

  #refresh(): void {
    const started = this.#source.now();
    const keys = new Map<number, string>();
    this.#source.listeners((netns, inode, address, port) => keys.set(inode, `${netns} ${address} ${port}`));
    this.#holders.clear();
    for (const [inode, pids] of this.#source.pids(new Set(keys.keys()))) {
      const key = keys.get(inode)!;
      const holders = this.#holders.get(key) ?? new Set();
      for (const pid of pids) holders.add(pid);
      this.#holders.set(key, holders);
    }
    const ended = this.#source.now();
    this.#freshUntil = ended + Math.max(FRESH_MS, FRESH_TIMES * (ended - started));
  }
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
