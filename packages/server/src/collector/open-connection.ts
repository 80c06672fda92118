/** What the collector knows of one connection that is open, and the form in which another collector goes on with it. Pure. */
import type { AcceptRecord, Connection, ConnectRecord } from '@weir/tracer';
import type { CountedFigures, Figures } from './figures.js';

/** By what a connection is known again, and its rows say of it besides. */
export type ConnectionIdentity = Pick<
  Connection,
  | 'netns'
  | 'interface_index'
  | 'local'
  | 'peer'
  | 'direction'
  | 'started_ns'
  | 'process'
  | 'cgroup_id'
  | 'inode'
>;

/** What outlives a collector that is killed. */
export interface KnownConnection {
  readonly flowId: string | undefined;
  /** As a sweep found it last, or as its record says; undefined where no sweep has found it. */
  readonly identity: ConnectionIdentity | undefined;
  /** The number that both ends know, as records have it; its rows say it while it is open, too. */
  readonly connectionId: string | undefined;
  readonly handshakeUs: number | undefined;
  readonly accounted: AcceptRecord['accounted'] | undefined;
  readonly candidates: number | undefined;
  /** Its figures as far as they are in rows; undefined where no sweep has found it. */
  readonly counted: CountedFigures | undefined;
  /** Its rows of intervals. */
  readonly rows: number;
  /** Older than the first collector. */
  readonly isOlder: boolean;
  /** Up to here, its figures are in rows. */
  readonly untilNs: number;
  /** The end of the last sweep that found it. Not the same: what began while a sweep read is found by it, too. */
  readonly foundNs: number;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** A connection, as a collector keeps it. */
export interface OpenConnection extends Writable<KnownConnection> {
  /** As a sweep found it last, and it was wanted; undefined until one has. */
  connection: Connection | undefined;
  /** {@link Connection.id}; undefined until a sweep of this collector found it. */
  id: number | undefined;
  /** The first sweep that found it. */
  firstSweep: number;
  isListed: boolean;
  sweep: number;
}

/** One of which nothing is known yet. */
export function newConnection(flowId: string | undefined, sweep: number): OpenConnection {
  // One plain literal: put together of parts, it would take ten times as long, for every connection.
  return {
    flowId,
    identity: undefined,
    connectionId: undefined,
    handshakeUs: undefined,
    accounted: undefined,
    candidates: undefined,
    counted: undefined,
    rows: 0,
    isOlder: false,
    untilNs: 0,
    foundNs: 0,
    connection: undefined,
    id: undefined,
    firstSweep: sweep,
    isListed: false,
    sweep,
  };
}

/** Whether a sweep has found the connection that was known by these ends, if need be to another collector. */
export function isSame({ id, identity, isOlder, foundNs }: OpenConnection, found: Connection): boolean {
  if (id !== undefined) return id === found.id;
  // A socket that no process has any more has no inode.
  const isSocket = !identity?.inode || found.inode === 0 || identity.inode === found.inode;
  // One that is accepted may have waited for that, and no process had it. Nor has one an older connection that its process left.
  const mayHaveWaited = !isOlder && identity?.inode === 0 && found.direction === 'inbound';
  return isSocket && (mayHaveWaited || found.started_ns === undefined || found.started_ns <= foundNs);
}

/** What a record says of a connection that begins. */
export function identityOf(record: ConnectRecord | AcceptRecord): ConnectionIdentity {
  const { netns, interface_index = 0, local, peer, process, cgroup_id, monotonic_ns } = record;
  const isOutbound = record.event === 'connect';
  return {
    ...{ netns, interface_index, local, peer, process, cgroup_id, inode: 0 },
    direction: isOutbound ? 'outbound' : 'inbound',
    started_ns: monotonic_ns - (isOutbound ? (record.handshake_us ?? 0) * 1000 : 0),
  };
}

/** Figures of a connection as a sweep finds them. */
export function figuresOf(connection: Connection): Figures {
  return {
    bytes_sent: connection.bytes_sent,
    bytes_received: connection.bytes_received,
    segments_sent: connection.packets_sent,
    segments_received: connection.packets_received,
    retransmits: connection.retransmits,
  };
}

/** At most one connection that is open has it. */
export function endsKey(
  transport: 'tcp' | 'udp',
  { netns, interface_index = 0, local, peer }: ConnectionEnds,
): string {
  return `${transport} ${netns} ${interface_index} ${local.address} ${local.port} ${peer.address} ${peer.port}`;
}

/** What a key is made of. */
export interface ConnectionEnds extends Pick<Connection, 'local' | 'peer'> {
  readonly netns?: number | undefined;
  readonly interface_index?: number | undefined;
}
