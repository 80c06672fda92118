/** Connections that are open, by the identity that records give, or by their ends where no record has named them. Pure. */
import type { EndRecord } from '@weir/history/rows';
import type { AcceptRecord, Connection, ConnectRecord } from '@weir/tracer';
import { type ConnectionEnds, isSame, newConnection, type OpenConnection } from './open-connection.js';
import type { OpenChanges } from './open-state.js';
import { UnnamedConnections } from './unnamed-connections.js';

/** Finds connections, and notes which ones are new, gone, or have another name. */
export class OpenIndex {
  readonly #byFlow = new Map<string, OpenConnection>();
  readonly #unnamed = new UnnamedConnections();
  readonly #changes: OpenChanges | undefined;

  constructor(changes: OpenChanges | undefined) {
    this.#changes = changes;
  }

  /** Number of connections. */
  get size(): number {
    return this.#byFlow.size + this.#unnamed.size;
  }

  /** Number of those that a record has named. */
  get named(): number {
    return this.#byFlow.size;
  }

  *[Symbol.iterator](): Generator<OpenConnection> {
    yield* this.#byFlow.values();
    yield* this.#unnamed;
  }

  /** Adds one that another collector knew. */
  add(open: OpenConnection): void {
    if (open.flowId !== undefined) this.#byFlow.set(open.flowId, open);
    else if (open.identity !== undefined) this.#unnamed.set('tcp', open.identity, open);
  }

  /** The connection that a record names. @param sweep The number of the last sweep. */
  begun(record: ConnectRecord | AcceptRecord, sweep: number): OpenConnection {
    const { flow_id } = record;
    const named = this.#byFlow.get(flow_id);
    const open = named ?? this.#takeUnnamed(record) ?? newConnection(flow_id, sweep);
    this.#changes?.begun(open, record, named !== undefined);
    open.flowId = flow_id;
    this.#byFlow.set(flow_id, open);
    return open;
  }

  /** Whether one may have these ports that a sweep has found and no record has named. */
  mayBeUnnamed(localPort: number, peerPort: number): boolean {
    return this.#unnamed.hasPorts(localPort, peerPort);
  }

  /** Whether one has these ends that a sweep has found and no record has named. */
  isUnnamed(ends: ConnectionEnds): boolean {
    return this.#unnamed.get('tcp', ends) !== undefined;
  }

  /** A sweep may have found a connection before its record is read. An older one with its ends was last found before it began. */
  #takeUnnamed(record: ConnectRecord | AcceptRecord): OpenConnection | undefined {
    const { transport } = record.network;
    const open = this.#unnamed.get(transport, record);
    if (open === undefined) return undefined;
    // One that is accepted may have waited for that.
    if (record.event === 'connect' && open.foundNs < record.monotonic_ns - (record.handshake_us ?? 0) * 1000)
      return undefined;
    this.#unnamed.delete(transport, record);
    this.#changes?.gone(open, record);
    return open;
  }

  /** The connection that a sweep has found, which may be new. @param sweep The number of the sweep. */
  find(connection: Connection, sweep: number): OpenConnection {
    const { flow_id, transport } = connection;
    const named = flow_id === undefined ? undefined : this.#byFlow.get(flow_id);
    if (named !== undefined) return named;
    const there = this.#unnamed.get(transport, connection);
    const known = there !== undefined && isSame(there, connection) ? there : undefined;
    if (known !== undefined && flow_id === undefined) return known;
    const open = known ?? newConnection(flow_id, sweep);
    open.flowId = flow_id;
    if (flow_id === undefined) this.#unnamed.set(transport, connection, open);
    else {
      this.#byFlow.set(flow_id, open);
      if (known !== undefined) this.#unnamed.delete(transport, connection);
    }
    if (transport === 'udp') return open;
    if (known !== undefined) this.#changes?.gone(known, connection);
    this.#changes?.begun(open);
    return open;
  }

  /** The same; undefined where it is new. */
  get(connection: Connection): OpenConnection | undefined {
    const { flow_id, transport } = connection;
    if (flow_id !== undefined) return this.#byFlow.get(flow_id);
    const open = this.#unnamed.get(transport, connection);
    return open !== undefined && isSame(open, connection) ? open : undefined;
  }

  /** Removes the connection that has ended. */
  take(record: EndRecord): OpenConnection | undefined {
    const { transport } = record.network;
    let open = this.#byFlow.get(record.flow_id);
    if (open !== undefined) this.#byFlow.delete(record.flow_id);
    else {
      open = this.#unnamed.get(transport, record);
      if (open === undefined) return undefined;
      this.#unnamed.delete(transport, record);
    }
    if (record.event !== 'udp_flow') this.#changes?.gone(open, open.flowId ?? record);
    return open;
  }

  /** Removes one that no sweep finds any more. @param ends Those that it has where no record has named it. */
  remove(
    open: OpenConnection,
    ends: (ConnectionEnds & Partial<Pick<Connection, 'transport'>>) | undefined,
  ): void {
    const { flowId } = open;
    const { transport = 'tcp' } = ends ?? {};
    if (flowId !== undefined) this.#byFlow.delete(flowId);
    else if (ends !== undefined) this.#unnamed.delete(transport, ends);
    const name = flowId ?? ends;
    if (transport === 'tcp' && name !== undefined) this.#changes?.gone(open, name);
  }
}
