/** The book of entries: who enters, who leaves, and what they add up to. */
import type { Endpoint } from '../records/record.js';
import { type EndedConnection, type Entry, newEntry } from './connection.js';
import { AwaitingClose, EndedQueue } from './ended-queue.js';
import { Entries } from './entries.js';
import { newTotals } from './totals.js';

/** What an entry is made from. */
export interface Place {
  readonly transport: 'tcp' | 'udp';
  readonly key: string;
  readonly netns: number;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  /** From which moment on it is known. CLOCK_MONOTONIC, nanoseconds. */
  readonly sinceNs: number;
}

export interface ConnectionStoreOptions {
  readonly limit: number;
  readonly endedLimit: number;
  readonly now: () => number;
}

export class ConnectionStore {
  readonly entries = new Entries();
  readonly awaitingClose = new AwaitingClose();
  readonly endedQueue: EndedQueue;
  readonly totals = newTotals();
  readonly now: () => number;
  readonly #limit: number;
  #nextId = 1;

  constructor(options: ConnectionStoreOptions) {
    this.now = options.now;
    this.#limit = options.limit;
    this.endedQueue = new EndedQueue(options.endedLimit);
  }

  get isFull(): boolean {
    return this.entries.size >= this.#limit;
  }

  /** An entry that is in no index yet. */
  create({ transport, key, netns, local, peer, sinceNs }: Place): Entry {
    const type = local.address.includes(':') ? 'ipv6' : 'ipv4';
    return newEntry({ id: this.#nextId++, key, transport, type, netns, local, peer, nowNs: sinceNs });
  }

  /** undefined: there is no room. */
  add(place: Place): Entry | undefined {
    if (this.isFull) return undefined;
    const entry = this.create(place);
    this.entries.add(entry);
    return entry;
  }

  /** Its socket is gone, or another's. A record of its end may still come. */
  awaitClose(entry: Entry): void {
    this.expireAwaiting();
    this.entries.remove(entry);
    this.awaitingClose.add(entry, this.now());
  }

  /** Tells of an end. The entry has left the indices before. */
  end(connection: Entry, closedBy: EndedConnection['closed_by'], endedNs: number): void {
    this.totals.ended++;
    connection.send_rate = 0;
    connection.receive_rate = 0;
    this.endedQueue.add({ connection, ended_ns: endedNs, closed_by: closedBy });
  }

  /** Those that vanished, and of whose end no record will come any more. */
  expireAwaiting(): void {
    for (const entry of this.awaitingClose.expire(this.now())) {
      this.totals.vanished++;
      this.end(entry, 'vanished', entry.seenToNs);
    }
  }
}
