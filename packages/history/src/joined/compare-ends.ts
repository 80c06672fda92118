/** What the two ends of a connection say differently. Pure. */
import type { EndRow } from '../schema/index.js';
import { begunOf, type ConnectionEnd } from './join-ends.js';

/** A value as each end has it; absent where it is not known there. */
export interface AtEnds<T> {
  readonly client?: T;
  readonly server?: T;
}

/** An address or a port that something in between rewrites (NAT). */
export interface Translation {
  /** Whose it is. */
  readonly of: 'client' | 'server';
  readonly part: 'address' | 'port';
  /** As the end itself has it. */
  readonly own: string | number;
  /** As the other end sees it. */
  readonly seen: string | number;
}

/** Bytes one way. What was sent and not acknowledged may have arrived: then more is received than sent. */
export interface Carried {
  /** Payload that was acknowledged to the end that sent it. */
  readonly sent?: number;
  /** Payload that arrived. */
  readonly received?: number;
  /** Sent less received; absent where one of both is not known. */
  readonly missing?: number;
}

/** Both ends side by side. */
export interface EndsCompared {
  readonly translations: readonly Translation[];
  readonly to_server: Carried;
  readonly to_client: Carried;
  /** Segments that each end sent again. */
  readonly retransmits: AtEnds<number>;
  /** Round-trip time as each end measured it, microseconds. */
  readonly srtt_us: AtEnds<number>;
  readonly handshake_us: AtEnds<number>;
  readonly duration_us: AtEnds<number>;
  /** How each end says it was closed. */
  readonly closed_by: AtEnds<string>;
  /** Which end closed it, or broke it off, where both say the same; `both` where each did before it saw the other. */
  readonly closer?: 'client' | 'server' | 'both';
  /** How far the server's clock is ahead of the client's, microseconds: at least, and at most, as far as the ends show it. */
  readonly clock_us: { readonly least?: number; readonly most?: number };
}

/** Compares the ends of one connection. */
export function compareEnds(client: ConnectionEnd, server: ConnectionEnd): EndsCompared {
  const closer = closerOf(client, server);
  const both = <Name extends 'retransmits' | 'srtt_us' | 'handshake_us' | 'duration_us' | 'closed_by'>(
    name: Name,
  ): AtEnds<NonNullable<EndRow[Name]>> => {
    const [own, other] = [client, server].map((end) => (end as Partial<EndRow>)[name]);
    return {
      ...(own !== undefined && { client: own as NonNullable<EndRow[Name]> }),
      ...(other !== undefined && { server: other as NonNullable<EndRow[Name]> }),
    };
  };
  return {
    translations: [...translationsOf('client', client, server), ...translationsOf('server', server, client)],
    to_server: carried(client.bytes_sent, server.bytes_received),
    to_client: carried(server.bytes_sent, client.bytes_received),
    retransmits: both('retransmits'),
    srtt_us: both('srtt_us'),
    handshake_us: both('handshake_us'),
    duration_us: both('duration_us'),
    closed_by: both('closed_by'),
    ...(closer !== undefined && { closer }),
    clock_us: clockOf(client, server, closer),
  };
}

function translationsOf(of: Translation['of'], end: ConnectionEnd, other: ConnectionEnd): Translation[] {
  const found: Translation[] = [];
  if (end.local_address !== other.peer_address)
    found.push({ of, part: 'address', own: end.local_address, seen: other.peer_address });
  if (end.local_port !== other.peer_port)
    found.push({ of, part: 'port', own: end.local_port, seen: other.peer_port });
  return found;
}

function carried(sent: number | undefined, received: number | undefined): Carried {
  return {
    ...(sent !== undefined && { sent }),
    ...(received !== undefined && { received }),
    ...(sent !== undefined && received !== undefined && { missing: sent - received }),
  };
}

/** What one end did, and what the other sees of it. */
const seenAs: Readonly<Record<string, readonly string[]>> = {
  local: ['peer', 'reset'],
  abort: ['reset', 'peer'],
};

function closerOf(client: ConnectionEnd, server: ConnectionEnd): EndsCompared['closer'] {
  const [a, b] = [client, server].map((end) => (end as Partial<EndRow>).closed_by);
  if (a === undefined || b === undefined) return undefined;
  if (a === 'local' && b === 'local') return 'both';
  if (seenAs[a]?.includes(b)) return 'client';
  if (seenAs[b]?.includes(a)) return 'server';
  return undefined;
}

/**
 * Bounds of the difference of both clocks, from what cannot come before what: the server has the connection after the client's SYN,
 * and an end that did not close ends after the other one has begun to close.
 */
function clockOf(client: ConnectionEnd, server: ConnectionEnd, closer: EndsCompared['closer']) {
  const [begun, accepted] = [begunOf(client), begunOf(server)];
  const most: bigint[] = [];
  if (begun !== undefined && accepted !== undefined) most.push(accepted - begun);
  const clientClosing = closer === 'client' ? closingOf(client) : undefined;
  if (clientClosing !== undefined) most.push(server.time - clientClosing);
  const serverClosing = closer === 'server' ? closingOf(server) : undefined;
  return {
    ...(serverClosing !== undefined && { least: microseconds(serverClosing - client.time) }),
    ...(most.length > 0 && { most: microseconds(most.reduce((a, b) => (a < b ? a : b))) }),
  };
}

function closingOf(end: ConnectionEnd): bigint | undefined {
  const { closing_us: closing } = end as Partial<EndRow>;
  return closing === undefined ? undefined : end.time - BigInt(Math.round(closing)) * 1000n;
}

function microseconds(ns: bigint): number {
  return Number(ns) / 1000;
}
