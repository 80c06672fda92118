/**
 * What the collector knows of connections that are open: what records said when they began, and what of their figures is in rows
 * of intervals. Pure.
 */

import type { EndContext, EndRecord } from '@weir/history/rows';
import type { AcceptRecord, Connection, ConnectRecord } from '@weir/tracer';
import { CountedFigures, type Figures } from './figures.js';

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
}

/** A connection that no sweep finds any more, and whose end no record has reported. */
export interface ForgottenConnection {
  /** As a sweep found it last. */
  readonly connection: Connection;
  /** When that was: CLOCK_MONOTONIC, nanoseconds. */
  readonly seenNs: number;
  /** Its rows of intervals. */
  readonly intervalRows: number;
}

interface OpenConnection {
  /** As a sweep found it last; undefined until one has. */
  connection: Connection | undefined;
  /** {@link Connection.id}; undefined until a sweep found it. */
  id: number | undefined;
  flowId: string | undefined;
  handshakeUs: number | undefined;
  accounted: AcceptRecord['accounted'] | undefined;
  candidates: number | undefined;
  counted: CountedFigures | undefined;
  rows: number;
  /** The first sweep that found it. */
  firstSweep: number;
  isOlder: boolean;
  isListed: boolean;
  /** Up to here, its figures are in rows. */
  untilNs: number;
  /** The end of the last sweep that found it. Not the same: what began while a sweep read is found by it, too. */
  foundNs: number;
  sweep: number;
}

/** Sweeps, and the time, for which a connection is kept that they no longer find: the record of its end is still to come. */
const KEPT_SWEEPS = 3;
const KEPT_NS = 30e9;
/** Connections that no sweep has found are kept while sweeps do not find all, but no more than so many. */
const MOST_UNSEEN = 262_144;

/** Connections that are open, by the identity that records give, or by their ends where no record has named them. */
export class OpenConnections {
  readonly #byFlow = new Map<string, OpenConnection>();
  readonly #byEnds = new Map<string, OpenConnection>();
  #sweep = 0;
  #sweptNs = 0;
  /** The last sweep has found all that were open. */
  #hasFoundAll = false;

  /** Number of connections. */
  get size(): number {
    return this.#byFlow.size + this.#byEnds.size;
  }

  /** A connection was established or accepted. */
  opened(record: ConnectRecord | AcceptRecord): void {
    const open =
      this.#byFlow.get(record.flow_id) ?? this.#unnamed(record) ?? this.#newConnection(record.flow_id);
    if (open.untilNs === 0) open.untilNs = record.monotonic_ns;
    open.flowId = record.flow_id;
    this.#byFlow.set(record.flow_id, open);
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
      const open = this.#find(connection);
      open.sweep = this.#sweep;
      open.connection = connection;
      const { started_ns } = connection;
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
      const figures = open.counted?.take(figuresOf(connection));
      const moved = figures === undefined ? undefined : { sinceNs: open.untilNs, figures };
      if (moved !== undefined) open.rows++;
      open.untilNs = nowNs;
      open.foundNs = endedNs;
      const isKnown = started_ns !== undefined || open.isOlder || open.firstSweep < this.#sweep;
      const isNew = isKnown && !open.isListed;
      open.isListed ||= isNew;
      yield { connection, isNew, isKnown, moved };
    }
    this.#sweptNs = nowNs;
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
    let unseen = isComplete ? Number.POSITIVE_INFINITY : this.#byFlow.size - MOST_UNSEEN;
    for (const known of [this.#byFlow, this.#byEnds]) {
      for (const [key, { connection, sweep, untilNs, rows }] of known) {
        if (sweep >= this.#sweep - KEPT_SWEEPS || this.#sweptNs - untilNs < KEPT_NS) continue;
        if (connection === undefined && --unseen < 0) continue;
        known.delete(key);
        if (connection !== undefined) forgotten.push({ connection, seenNs: untilNs, intervalRows: rows });
      }
    }
    return forgotten;
  }

  /** A connection has ended: what the row of its end and a last row of intervals have to say. */
  ended(record: EndRecord): { readonly context: EndContext; readonly moved: MovedSpan | undefined } {
    const open = this.#take(record);
    if (open === undefined) return { context: {}, moved: undefined };
    // A connection that no sweep has found is in the row of its end only.
    const figures = open.counted?.take(figuresOfEnd(record));
    const moved = figures === undefined ? undefined : { sinceNs: open.untilNs, figures };
    const { handshakeUs, accounted, candidates } = open;
    const intervalRows = open.rows + (moved === undefined ? 0 : 1);
    return { context: { handshake_us: handshakeUs, accounted, candidates, intervalRows }, moved };
  }

  /**
   * A socket is gone, and no record has reported its end.
   *
   * @returns the number of its rows of intervals; undefined where its end was reported.
   */
  vanished({ flow_id, id, ...ends }: Connection): number | undefined {
    if (flow_id !== undefined) {
      const open = this.#byFlow.get(flow_id);
      this.#byFlow.delete(flow_id);
      return open?.rows;
    }
    const key = endsKey(ends.transport, ends);
    const open = this.#byEnds.get(key);
    if (open?.id !== id) return undefined;
    this.#byEnds.delete(key);
    return open.rows;
  }

  /** A sweep may have found a connection before its record is read. An older one with its ends was last found before it began. */
  #unnamed(record: ConnectRecord | AcceptRecord): OpenConnection | undefined {
    if (this.#byEnds.size === 0) return undefined;
    const ends = endsKey(record.network.transport, record);
    const open = this.#byEnds.get(ends);
    if (open === undefined) return undefined;
    // One that is accepted may have waited for that.
    if (record.event === 'connect' && open.foundNs < record.monotonic_ns - (record.handshake_us ?? 0) * 1000)
      return undefined;
    this.#byEnds.delete(ends);
    return open;
  }

  #newConnection(flowId: string | undefined): OpenConnection {
    // One plain literal: put together of parts, it would take ten times as long, for every connection.
    return {
      connection: undefined,
      id: undefined,
      flowId,
      handshakeUs: undefined,
      accounted: undefined,
      candidates: undefined,
      counted: undefined,
      rows: 0,
      firstSweep: this.#sweep,
      isOlder: false,
      isListed: false,
      untilNs: 0,
      foundNs: 0,
      sweep: this.#sweep,
    };
  }

  /** One that was wanted, and no longer is, is open all the same. */
  #passOver(connection: Connection): void {
    const { flow_id, id } = connection;
    const open =
      flow_id === undefined
        ? this.#byEnds.size > 0 && this.#byEnds.get(endsKey(connection.transport, connection))
        : this.#byFlow.get(flow_id);
    if (open && (open.id === undefined || open.id === id)) open.sweep = this.#sweep;
  }

  #find(connection: Connection): OpenConnection {
    const { flow_id, id } = connection;
    const ends = endsKey(connection.transport, connection);
    const atEnds = this.#byEnds.get(ends);
    if (flow_id === undefined) {
      if (atEnds?.id === id) return atEnds;
      const open = this.#newConnection(undefined);
      this.#byEnds.set(ends, open);
      return open;
    }
    let open = this.#byFlow.get(flow_id);
    if (open === undefined) {
      open = atEnds?.id === id ? atEnds : this.#newConnection(flow_id);
      open.flowId = flow_id;
      this.#byFlow.set(flow_id, open);
      if (open === atEnds) this.#byEnds.delete(ends);
    }
    return open;
  }

  #take(record: EndRecord): OpenConnection | undefined {
    const byFlow = this.#byFlow.get(record.flow_id);
    if (byFlow !== undefined) {
      this.#byFlow.delete(record.flow_id);
      return byFlow;
    }
    if (this.#byEnds.size === 0) return undefined;
    const ends = endsKey(record.network.transport, record);
    const open = this.#byEnds.get(ends);
    this.#byEnds.delete(ends);
    return open;
  }
}

function figuresOf(connection: Connection): Figures {
  return {
    bytes_sent: connection.bytes_sent,
    bytes_received: connection.bytes_received,
    segments_sent: connection.packets_sent,
    segments_received: connection.packets_received,
    retransmits: connection.retransmits,
  };
}

function figuresOfEnd(record: EndRecord): Figures {
  if (record.event === 'fail') return {};
  if (record.event === 'close') return record;
  return { ...record, segments_sent: record.datagrams_sent, segments_received: record.datagrams_received };
}

/** At most one connection that is open has it. */
function endsKey(
  transport: 'tcp' | 'udp',
  { netns, interface_index = 0, local, peer }: ConnectionEnds,
): string {
  return `${transport} ${netns} ${interface_index} ${local.address} ${local.port} ${peer.address} ${peer.port}`;
}

interface ConnectionEnds extends Pick<Connection, 'local' | 'peer'> {
  readonly netns?: number | undefined;
  readonly interface_index?: number | undefined;
}
