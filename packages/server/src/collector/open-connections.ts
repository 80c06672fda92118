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
  /** It was in no sweep before. */
  readonly isNew: boolean;
  readonly moved: MovedSpan | undefined;
}

interface OpenConnection {
  /** {@link Connection.id}; undefined until a sweep found it. */
  id: number | undefined;
  flowId: string | undefined;
  handshakeUs: number | undefined;
  accounted: AcceptRecord['accounted'] | undefined;
  candidates: number | undefined;
  counted: CountedFigures | undefined;
  rows: number;
  /** Up to here, its figures are in rows. */
  untilNs: number;
  sweep: number;
}

/** Sweeps for which a connection is kept that they no longer find: the record of its end is still to come. */
const KEPT_SWEEPS = 3;

/** Connections that are open, by the identity that records give, or by their ends where no record has named them. */
export class OpenConnections {
  readonly #byFlow = new Map<string, OpenConnection>();
  readonly #byEnds = new Map<string, OpenConnection>();
  #sweep = 0;
  #sweptNs = 0;

  /** Number of connections. */
  get size(): number {
    return this.#byFlow.size + this.#byEnds.size;
  }

  /** A connection was established or accepted. */
  opened(record: ConnectRecord | AcceptRecord): void {
    let open = this.#byFlow.get(record.flow_id);
    if (open === undefined) {
      open = this.#newConnection(record.flow_id);
      this.#byFlow.set(record.flow_id, open);
    }
    if (record.event === 'connect') open.handshakeUs = record.handshake_us;
    else {
      open.accounted = record.accounted;
      open.candidates = record.candidates;
    }
  }

  /**
   * Compares the figures of all connections with those of the sweep before.
   *
   * @param nowNs When they were read: CLOCK_MONOTONIC, nanoseconds.
   * @param isWanted Others are passed over: all their figures are in the row of their end, if that is wanted.
   */
  *swept(
    connections: Iterable<Connection>,
    nowNs: number,
    isWanted: (connection: Connection) => boolean = () => true,
  ): Generator<SweptConnection> {
    this.#sweep++;
    for (const connection of connections) {
      if (!isWanted(connection)) continue;
      const open = this.#find(connection);
      open.sweep = this.#sweep;
      const isNew = open.id !== connection.id;
      const { started_ns } = connection;
      if (isNew) {
        open.id = connection.id;
        // What was moved before the collector began has no time.
        open.counted = new CountedFigures(started_ns === undefined ? figuresOf(connection) : {});
        open.untilNs = Math.max(started_ns ?? nowNs, this.#sweptNs);
      }
      const figures = open.counted?.take(figuresOf(connection));
      const moved = figures === undefined ? undefined : { sinceNs: open.untilNs, figures };
      if (moved !== undefined) open.rows++;
      open.untilNs = nowNs;
      yield { connection, isNew, moved };
    }
    this.#sweptNs = nowNs;
    this.#forget();
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

  #newConnection(flowId: string | undefined): OpenConnection {
    return {
      ...{ id: undefined, flowId, handshakeUs: undefined, accounted: undefined, candidates: undefined },
      ...{ counted: undefined, rows: 0, untilNs: 0, sweep: this.#sweep },
    };
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

  /** Forgets what sweeps no longer find, and of which no end is reported. */
  #forget(): void {
    const before = this.#sweep - KEPT_SWEEPS;
    for (const [key, { sweep }] of this.#byFlow) if (sweep < before) this.#byFlow.delete(key);
    for (const [key, { sweep }] of this.#byEnds) if (sweep < before) this.#byEnds.delete(key);
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
