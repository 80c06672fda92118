/** The store of live connections: it adds and removes entries, and sums their totals. */
import type { Endpoint } from '../records/record.js';
import { type EndedConnection, type Entry, newEntry } from './connection.js';
import { AwaitingClose, EndedQueue } from './ended-queue.js';
import { Entries } from './entries.js';
import { newTotals } from './totals.js';

/** The initial values of an entry. */
export interface Place {
  readonly transport: 'tcp' | 'udp';
  readonly key: string;
  readonly netns: number;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  /** 0: none. */
  readonly interfaceIndex: number;
  /** The moment since which it is known: CLOCK_MONOTONIC, nanoseconds. */
  readonly sinceNs: number;
}

export interface ConnectionStoreOptions {
  readonly limit: number;
  readonly endedLimit: number;
  readonly now: () => number;
  /** Whether records name the interface that a socket is bound to. */
  readonly byInterface: boolean;
  /** Names of interfaces, by network namespace and number. */
  readonly interfaceName: (netns: number, index: number) => string | undefined;
}

export class ConnectionStore {
  readonly entries = new Entries();
  readonly awaitingClose = new AwaitingClose();
  readonly endedQueue: EndedQueue;
  readonly totals = newTotals();
  readonly now: () => number;
  readonly byInterface: boolean;
  readonly #interfaceName: ConnectionStoreOptions['interfaceName'];
  readonly #limit: number;
  #nextId = 1;

  constructor(options: ConnectionStoreOptions) {
    this.now = options.now;
    this.byInterface = options.byInterface;
    this.#interfaceName = options.interfaceName;
    this.#limit = options.limit;
    this.endedQueue = new EndedQueue(options.endedLimit);
  }

  /** Interfaces can be renamed while a connection lives. */
  nameInterface(entry: Entry): void {
    if (entry.interface_index === 0) return;
    entry.interface = this.#interfaceName(entry.netns, entry.interface_index) ?? entry.interface;
  }

  get isFull(): boolean {
    return this.entries.size >= this.#limit;
  }

  /** An entry that is in no index yet. */
  create({ transport, key, netns, local, peer, interfaceIndex, sinceNs }: Place): Entry {
    const type = local.address.includes(':') ? 'ipv6' : 'ipv4';
    return newEntry({
      id: this.#nextId++,
      key,
      transport,
      type,
      netns,
      local,
      peer,
      interfaceIndex,
      nowNs: sinceNs,
    });
  }

  /** undefined where there is no room. */
  add(place: Place): Entry | undefined {
    if (this.isFull) return undefined;
    const entry = this.create(place);
    this.entries.add(entry);
    return entry;
  }

  /** Moves an entry whose socket is gone to those that await their close: a record of its end may still come. */
  awaitClose(entry: Entry): void {
    this.expireAwaiting();
    this.entries.remove(entry);
    this.awaitingClose.add(entry, this.now());
  }

  /** Reports an end. The entry has left the indices before. */
  end(connection: Entry, closedBy: EndedConnection['closed_by'], endedNs: number): void {
    this.totals.ended++;
    connection.send_rate = 0;
    connection.receive_rate = 0;
    this.endedQueue.add({ connection, ended_ns: endedNs, closed_by: closedBy });
  }

  /** Ends connections that vanished and whose record of the end will not come any more. */
  expireAwaiting(): void {
    for (const entry of this.awaitingClose.expire(this.now())) {
      this.totals.vanished++;
      this.end(entry, 'vanished', entry.seenToNs);
    }
  }
}
