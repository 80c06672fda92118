/**
 * What the collector knows of connections that are open: what records said when they began, and what of their figures is in rows
 * of intervals. Pure.
 */

import type { EndContext, EndRecord } from '@weir/history/rows';
import type { AcceptRecord, Connection, ConnectRecord } from '@weir/tracer';
import { CountedFigures, type Figures, noFigures } from './figures.js';
import {
  type ConnectionEnds,
  figuresOf,
  type KnownConnection,
  newConnection,
  type OpenConnection,
} from './open-connection.js';
import { OpenIndex } from './open-index.js';
import type { OpenChanges, OpenState, OpenStateChanges, SweepState } from './open-state.js';

/** A span in which a connection moved something. */
export interface MovedSpan {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly sinceNs: number;
  readonly figures: Figures;
}

/** What a sweep found about one connection. */
export interface SweptConnection {
  readonly connection: Connection;
  /** It was in no sweep before, or was not known. */
  readonly isNew: boolean;
  /** A record has named it, or none will. Else the sweep has come between its beginning and the record of that. */
  readonly isKnown: boolean;
  readonly moved: MovedSpan | undefined;
  /** As records have it; undefined where none has said it. */
  readonly connectionId: string | undefined;
}

/** What the rows of a connection's end have to say that its record does not. */
export interface EndOfRows {
  /** A last row of intervals. */
  readonly moved: MovedSpan | undefined;
  /** Its rows of intervals, that one among them. */
  readonly intervalRows: number;
  readonly connectionId: string | undefined;
}

/** A connection that no sweep finds any more, and whose end no record has reported. */
export interface ForgottenConnection extends EndOfRows {
  /** As a sweep found it last. */
  readonly connection: Connection;
  /** When that was: CLOCK_MONOTONIC, nanoseconds. */
  readonly seenNs: number;
}

/** Sweeps, and the time, for which a connection is kept that they no longer find: the record of its end is still to come. */
const KEPT_SWEEPS = 3;
const KEPT_NS = 30e9;
/** Connections that no sweep has found are kept while sweeps do not find all, but no more than so many. */
const MOST_UNSEEN = 262_144;

/** Connections that are open, by the identity that records give, or by their ends where no record has named them. */
export class OpenConnections {
  readonly #index: OpenIndex;
  #sweep = 0;
  #sweptNs = 0;
  #endedNs = 0;
  /** The last sweep has found all that were open. */
  #hasFoundAll = false;
  readonly #changes: OpenChanges | undefined;

  /** @param changes Given what changes, where that is to be kept for another collector. */
  constructor(changes?: OpenChanges) {
    this.#changes = changes;
    this.#index = new OpenIndex(changes);
  }

  /** Number of connections. */
  get size(): number {
    return this.#index.size;
  }

  /** Goes on with what another collector knew. */
  load({ sweptNs, endedNs, hasFoundAll, connections }: OpenState): void {
    this.#sweptNs = sweptNs;
    this.#endedNs = endedNs;
    this.#hasFoundAll = hasFoundAll;
    for (const known of connections) {
      const open = Object.assign(newConnection(known.flowId, this.#sweep), known);
      // The record that names it may not have been read yet: the next sweep counts as the one that found it.
      if (known.flowId === undefined) open.firstSweep++;
      this.#index.add(open);
    }
  }

  /** All that is to be kept. UDP is not: who counts it ends with the collector. It is to be read before the next change. */
  get state(): OpenState {
    return { ...this.#lastSweep, connections: this.#known() };
  }

  /** What has changed since {@link kept}: to be read before the next change. */
  get changes(): OpenStateChanges {
    const { gone = [], count = 0, connections = [] } = this.#changes?.all ?? {};
    return { ...this.#lastSweep, gone, count, connections };
  }

  get #lastSweep(): SweepState {
    return { sweptNs: this.#sweptNs, endedNs: this.#endedNs, hasFoundAll: this.#hasFoundAll };
  }

  /** All is kept up to here. */
  kept(): void {
    this.#changes?.clear();
  }

  *#known(): Generator<KnownConnection> {
    for (const open of this.#index)
      if (open.connection?.transport !== 'udp') yield this.#changes?.known(open) ?? open;
  }

  /** Whether a connection began after the last sweep. @param begunNs Or when it was first seen: CLOCK_MONOTONIC, nanoseconds. */
  isUnseen(begunNs: number): boolean {
    return begunNs > this.#endedNs;
  }

  /** Whether a sweep may have found one with these ports that no record has named. */
  mayBeUnnamed(localPort: number, peerPort: number): boolean {
    return this.#index.mayBeUnnamed(localPort, peerPort);
  }

  /** Whether a sweep has found one with these ends that no record has named: it may have waited to be accepted. */
  isUnnamed(ends: ConnectionEnds): boolean {
    return this.#index.isUnnamed(ends);
  }

  /** A connection was established or accepted. */
  opened(record: ConnectRecord | AcceptRecord): void {
    const open = this.#index.begun(record, this.#sweep);
    if (open.untilNs === 0) open.untilNs = record.monotonic_ns;
    open.connectionId = record.connection_id;
    if (record.event === 'connect') open.handshakeUs = record.handshake_us;
    else {
      open.accounted = record.accounted;
      open.candidates = record.candidates;
    }
  }

  /**
   * Compares the figures of all connections with those of the sweep before.
   *
   * @param nowNs When the sweep began to read them: CLOCK_MONOTONIC, nanoseconds.
   * @param endedNs When it had read them all.
   * @param isWanted Others are passed over: all their figures are in the row of their end, if that is wanted.
   */
  *swept(
    connections: Iterable<Connection>,
    nowNs: number,
    endedNs: number = nowNs,
    isWanted: (connection: Connection) => boolean = () => true,
  ): Generator<SweptConnection> {
    this.#sweep++;
    for (const connection of connections) {
      if (!isWanted(connection)) {
        this.#passOver(connection);
        continue;
      }
      const open = this.#index.find(connection, this.#sweep);
      open.sweep = this.#sweep;
      open.connection = connection;
      open.identity = connection;
      const { started_ns } = connection;
      // Another collector has counted its figures, in rows of which it is the next.
      if (open.id === undefined && open.counted !== undefined) open.id = connection.id;
      if (open.id !== connection.id) {
        open.firstSweep = this.#sweep;
        open.isListed = false;
        open.id = connection.id;
        // What was moved before the collector began has no time. What a later sweep finds first, before any event of it, is new.
        const isOlder: boolean = started_ns === undefined && !this.#hasFoundAll;
        open.counted = new CountedFigures(isOlder ? figuresOf(connection) : {});
        open.isOlder = isOlder;
        open.untilNs = isOlder ? nowNs : Math.max(started_ns ?? 0, this.#sweptNs);
      }
      const isKnown = started_ns !== undefined || open.isOlder || open.firstSweep < this.#sweep;
      // What it has moved is in a row that says its number: its record is about to come.
      const figures = isKnown ? open.counted?.take(figuresOf(connection)) : undefined;
      const moved = figures === undefined ? undefined : { sinceNs: open.untilNs, figures };
      if (moved !== undefined) open.rows++;
      if (moved !== undefined || open.firstSweep === this.#sweep) this.#noteCounted(open);
      if (isKnown) open.untilNs = nowNs;
      open.foundNs = endedNs;
      const isNew = isKnown && !open.isListed;
      open.isListed ||= isNew;
      yield { connection, isNew, isKnown, moved, connectionId: open.connectionId };
    }
    this.#sweptNs = nowNs;
    this.#endedNs = endedNs;
  }

  /** UDP is not kept. */
  #noteCounted(open: OpenConnection): void {
    if (open.connection?.transport !== 'udp') this.#changes?.counted(open);
  }

  /**
   * Forgets connections that sweeps have not found for a while.
   *
   * @param isComplete Whether the last sweep found all that are open; else those may be that no sweep has found yet.
   * @returns those that a sweep has found, each once.
   */
  forget(isComplete: boolean): ForgottenConnection[] {
    this.#hasFoundAll = isComplete;
    const forgotten: ForgottenConnection[] = [];
    let unseen = isComplete ? Number.POSITIVE_INFINITY : this.#index.named - MOST_UNSEEN;
    for (const open of this.#index) {
      const { connection, identity, sweep, untilNs } = open;
      if (sweep >= this.#sweep - KEPT_SWEEPS || this.#sweptNs - untilNs < KEPT_NS) continue;
      if (connection === undefined && --unseen < 0) continue;
      this.#index.remove(open, connection ?? identity);
      if (connection !== undefined) forgotten.push({ connection, seenNs: untilNs, ...endOfRows(open, {}) });
    }
    return forgotten;
  }

  /** A connection has ended: what the row of its end and a last row of intervals have to say. */
  ended(record: EndRecord): { readonly context: EndContext; readonly moved: MovedSpan | undefined } {
    const open = this.#index.take(record);
    if (open === undefined) return { context: {}, moved: undefined };
    // A connection that no sweep has found is in the row of its end only.
    const { moved, intervalRows } = endOfRows(open, figuresOfEnd(record));
    const { handshakeUs, accounted, candidates } = open;
    return { context: { handshake_us: handshakeUs, accounted, candidates, intervalRows }, moved };
  }

  /**
   * A socket is gone, and no record has reported its end.
   *
   * @returns undefined where its end was reported.
   */
  vanished(connection: Connection): EndOfRows | undefined {
    const open = this.#index.get(connection);
    if (open === undefined) return undefined;
    this.#index.remove(open, connection);
    return endOfRows(open, {});
  }

  /** One that was wanted, and no longer is, is open all the same. */
  #passOver(connection: Connection): void {
    const open = this.#index.get(connection);
    if (open === undefined || (open.id !== undefined && open.id !== connection.id)) return;
    open.sweep = this.#sweep;
    open.identity = connection;
  }
}

/**
 * A row of the end without rows of intervals has all that a connection ever moved. An older one than the collector has at least one
 * such row, be it of nothing: what it moved before has no time, or is in rows of an earlier collector.
 */
function endOfRows(open: OpenConnection, figures: Figures): EndOfRows {
  const { counted, isOlder, rows, untilNs, connectionId } = open;
  const added = counted?.take(figures) ?? (isOlder && rows === 0 ? noFigures : undefined);
  if (added === undefined) return { moved: undefined, intervalRows: rows, connectionId };
  return { moved: { sinceNs: untilNs, figures: added }, intervalRows: rows + 1, connectionId };
}

function figuresOfEnd(record: EndRecord): Figures {
  if (record.event === 'fail') return {};
  if (record.event === 'close') return record;
  return { ...record, segments_sent: record.datagrams_sent, segments_received: record.datagrams_received };
}
