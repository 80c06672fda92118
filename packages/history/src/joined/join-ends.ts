/**
 * Both ends of connections, out of the rows that one or more histories have of them: by the number that both ends know, else by mirrored
 * addresses and time. Pure.
 */
import type { EndRow, OpenRow } from '../schema/index.js';

/** A row about an end of a connection: what ended, or the last look at what is open. */
export type ConnectionEnd = EndRow | OpenRow;

/** The ends of one connection that are known. */
export interface JoinedConnection<E extends ConnectionEnd = ConnectionEnd> {
  /** The end that connected. */
  readonly client?: E;
  /** The end that accepted. */
  readonly server?: E;
  /** By what both ends were found to belong together; absent where only one is known. */
  readonly by?: 'id' | 'addresses';
  /** Further ends with the same `connection_id`: which two belong together is not known then beyond doubt. */
  readonly others: readonly E[];
}

/** Clocks of hosts differ; ends without a number are joined only where they were open at the same time but for so much. */
const CLOCK_SLACK_NS = 5_000_000_000n;

/** Joins ends. An end that several histories have is there once. The order is that of the first end of each connection. */
export function joinEnds<E extends ConnectionEnd>(ends: readonly E[]): JoinedConnection<E>[] {
  const once = withoutRepeated(ends);
  const numbered = new Map<bigint, E[]>();
  const rest: E[] = [];
  for (const end of once) {
    const { connection_id: id } = end;
    if (id === undefined) rest.push(end);
    else numbered.set(id, [...(numbered.get(id) ?? []), end]);
  }
  const joined: JoinedConnection<E>[] = [];
  for (const group of numbered.values()) {
    // A number that one end knows alone may be one that the other end does not know.
    if (group.length === 1) rest.push(group[0]!);
    else joined.push(pairOf(group));
  }
  joined.push(...joinMirrored(rest));
  const place = new Map(once.map((end, index) => [end, index]));
  const first = ({ client, server, others }: JoinedConnection<E>) =>
    Math.min(...[client, server, ...others].flatMap((end) => (end === undefined ? [] : [place.get(end)!])));
  return joined.toSorted((a, b) => first(a) - first(b));
}

/** The rows without those about the same end: the row of its end is kept, else the newest look. */
function withoutRepeated<E extends ConnectionEnd>(ends: readonly E[]): E[] {
  const known = new Map<string, E>();
  for (const end of ends) {
    const key = identityOf(end);
    const before = known.get(key);
    if (before === undefined || isBetter(end, before)) known.set(key, end);
  }
  return [...known.values()];
}

function isBetter(end: ConnectionEnd, before: ConnectionEnd): boolean {
  const hasEnded = 'event' in end;
  return hasEnded === 'event' in before ? end.time > before.time : hasEnded;
}

function identityOf(end: ConnectionEnd): string {
  const { host_id, flow_ns, flow_cpu } = end;
  if (flow_ns !== undefined) return `${host_id} ${flow_ns}.${flow_cpu}`;
  // Without a number, the same addresses may come again.
  const time = 'event' in end ? end.time : '';
  return JSON.stringify([`${host_id} ${time}`, end.netns, end.transport, ...addressesOf(end)]);
}

function addressesOf(end: ConnectionEnd) {
  return [end.local_address, end.local_port, end.peer_address, end.peer_port] as const;
}

/** Whether an end connected. Where that was not seen, the lower port accepts, as in maps. */
export function isClientEnd({ direction, local_port, peer_port }: ConnectionEnd): boolean {
  return direction === undefined ? local_port > peer_port : direction === 'outbound';
}

/** Two of the ends with the same number. Where there are more, those of each side whose addresses mirror each other. */
function pairOf<E extends ConnectionEnd>(group: readonly E[]): JoinedConnection<E> {
  let clients = group.filter(isClientEnd);
  let servers = group.filter((end) => !isClientEnd(end));
  if (clients.length === 0 || servers.length === 0) {
    // Both connected to each other at once, or which one did was not seen: any order, but always the same one.
    const [first, ...rest] = group.toSorted(byPlace);
    clients = [first!];
    servers = rest;
  }
  const pairs = clients.flatMap((client) => servers.map((server) => ({ client, server })));
  const { client, server } = pairs.find((pair) => areMirrored(pair.client, pair.server)) ?? pairs[0]!;
  return { client, server, by: 'id', others: group.filter((end) => end !== client && end !== server) };
}

function byPlace(a: ConnectionEnd, b: ConnectionEnd): number {
  return identityOf(a) < identityOf(b) ? -1 : 1;
}

/** Joins ends of which no other has the number: each with the one end that can be its other one, where there is no second. */
function joinMirrored<E extends ConnectionEnd>(ends: readonly E[]): JoinedConnection<E>[] {
  const byAddresses = new Map<string, E[]>();
  for (const end of ends) {
    const key = JSON.stringify([end.transport, ...addressesOf(end)]);
    byAddresses.set(key, [...(byAddresses.get(key) ?? []), end]);
  }
  const candidates = (end: E) => {
    const [local, localPort, peer, peerPort] = addressesOf(end);
    const key = JSON.stringify([end.transport, peer, peerPort, local, localPort]);
    return (byAddresses.get(key) ?? []).filter((other) => canBeOther(end, other));
  };
  const only = new Map<E, E>();
  for (const end of ends) {
    const [found, ...more] = candidates(end);
    if (found !== undefined && more.length === 0) only.set(end, found);
  }
  const isPaired = (end: E) => only.has(end) && only.get(only.get(end)!) === end;
  return ends.flatMap((end): JoinedConnection<E>[] => {
    const other = isPaired(end) ? only.get(end) : undefined;
    if (other === undefined)
      return [isClientEnd(end) ? { client: end, others: [] } : { server: end, others: [] }];
    const isClient = isClientEnd(end) === isClientEnd(other) ? byPlace(end, other) < 0 : isClientEnd(end);
    return isClient ? [{ client: end, server: other, by: 'addresses', others: [] }] : [];
  });
}

function canBeOther(end: ConnectionEnd, other: ConnectionEnd): boolean {
  if (end === other || !areMirrored(end, other)) return false;
  // Two numbers are two connections.
  if (end.connection_id !== undefined && other.connection_id !== undefined) return false;
  if (end.direction !== undefined && end.direction === other.direction) return false;
  const isHere = end.host_id === other.host_id && end.netns === other.netns;
  if (isLoopback(end.local_address) && !isHere) return false;
  const [a, b] = [spanOf(end), spanOf(other)];
  return a.from <= b.to + CLOCK_SLACK_NS && b.from <= a.to + CLOCK_SLACK_NS;
}

/** Whether each has the addresses and ports that the other sees. */
export function areMirrored(end: ConnectionEnd, other: ConnectionEnd): boolean {
  return (
    end.transport === other.transport &&
    end.local_address === other.peer_address &&
    end.local_port === other.peer_port &&
    end.peer_address === other.local_address &&
    end.peer_port === other.local_port
  );
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** When an end was open, as far as it is known. */
function spanOf(end: ConnectionEnd): { readonly from: bigint; readonly to: bigint } {
  return { from: begunOf(end) ?? end.time, to: end.time };
}

/** When an end began, nanoseconds since 1970 by its host's clock; undefined where that is not known. */
export function begunOf(end: ConnectionEnd): bigint | undefined {
  if (!('event' in end)) return end.started;
  const { time, duration_us: duration } = end;
  return duration === undefined ? undefined : time - BigInt(Math.round(duration)) * 1000n;
}
