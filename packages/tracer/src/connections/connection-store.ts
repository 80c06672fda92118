/** The store of live connections: it adds and removes entries, and sums their totals. */
import type { ReportedEnds } from '../hooks/filter.js';
import type { EndedConnection } from './connection.js';
import { AwaitingClose, EndedQueue } from './ended-queue.js';
import { Entries } from './entries.js';
import { Entry } from './entry.js';
import { PublicCopies } from './public-copies.js';
import { newTotals } from './totals.js';

/** The initial values of an entry. */
export interface Place {
  readonly transport: 'tcp' | 'udp';
  /** Words of {@link Tuple}, which are copied. */
  readonly ends: Uint32Array;
  /** 0: none. */
  readonly interfaceIndex: number;
  /** The moment since which it is known: CLOCK_MONOTONIC, nanoseconds. */
  readonly sinceNs: number;
}

export interface ConnectionStoreOptions {
  readonly limit: number;
  readonly endedLimit: number;
  /** Which ends are kept for `takeEnded()`. */
  readonly ended: 'all' | 'vanished';
  /** Which ends come as a record, unless events are lost. */
  readonly reportedEnds: ReportedEnds;
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
  readonly #reportedEnds: ReportedEnds;
  /** When events were last found to be lost. */
  #lossNs = Number.NEGATIVE_INFINITY;
  readonly #interfaceName: ConnectionStoreOptions['interfaceName'];
  readonly #limit: number;
  readonly #ended: ConnectionStoreOptions['ended'];
  /** The plain objects that were handed out. */
  readonly copies = new PublicCopies();
  #nextId = 1;

  constructor(options: ConnectionStoreOptions) {
    this.now = options.now;
    this.byInterface = options.byInterface;
    this.#reportedEnds = options.reportedEnds;
    this.#interfaceName = options.interfaceName;
    this.#limit = options.limit;
    this.#ended = options.ended;
    this.endedQueue = new EndedQueue(options.endedLimit);
  }

  /** Events were lost until now, the ends of connections perhaps among them. */
  eventsLost(): void {
    this.#lossNs = this.now();
  }

  /** Whether a connection that has ended must have come as a record. */
  wouldReportEnd(entry: Entry): boolean {
    if (this.#reportedEnds === 'none' || Math.max(entry.seenToNs, entry.flowNs) <= this.#lossNs) return false;
    return entry.hasFlow || (this.#reportedEnds === 'all' && entry.inode !== 0);
  }

  /** Interfaces can be renamed while a connection lives. */
  nameInterface(entry: Entry): void {
    if (entry.interface_index === 0) return;
    entry.interface = this.#interfaceName(entry.netns, entry.interface_index) ?? entry.interface;
  }

  /** For an entry whose end is not reported. */
  forget(entry: Entry): void {
    this.entries.remove(entry);
    this.copies.forget(entry);
  }

  get isFull(): boolean {
    return this.entries.size >= this.#limit;
  }

  /** An entry that is in no index yet. */
  create({ transport, ends, interfaceIndex, sinceNs }: Place): Entry {
    const id = this.#nextId++;
    return new Entry(this.entries.looseRows.take(), { id, transport, ends, interfaceIndex, nowNs: sinceNs });
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
    const copy = this.copies.last(connection);
    if (this.#ended === 'vanished' && closedBy !== 'vanished') return;
    this.endedQueue.add({ entry: connection, copy, ended_ns: endedNs, closed_by: closedBy });
  }

  /** Ends connections that vanished and whose record of the end will not come any more. */
  expireAwaiting(): void {
    for (const entry of this.awaitingClose.expire(this.now())) {
      this.totals.vanished++;
      this.end(entry, 'vanished', entry.seenToNs);
    }
  }
}
