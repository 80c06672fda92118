/** By what rows of connections are sorted, as the database sorts them. Pure. */
import { mapPrefix, parseNetwork } from '@weir/ebpf/address';
import { LINK_LOCAL } from '@weir/tracer/filter/compile';
import { type ConnectionSort, readSort } from '../query/connection-orders.js';
import { placeOf } from '../query/row-place.js';
import type { EndRow } from '../schema/index.js';

/** How connections are sorted. */
export type ConnectionsOrder = 'newest' | 'oldest' | ConnectionSort;

type Value = string | number | bigint | undefined;

const linkLocal = new RegExp(LINK_LOCAL);

/** An address as its number, in digits. */
function addressText(address: string): string {
  return Buffer.from(mapPrefix(parseNetwork(address)).address).toString('hex');
}

/** Orders that are more than a column of their name. */
const values: Readonly<Record<string, (row: EndRow) => Value>> = {
  host: (row) => row.host_id,
  process: (row) => row.comm,
  container: (row) => row.container_name ?? row.container_id,
  pod: ({ pod_namespace: namespace, pod_name: name, pod_uid: uid }) =>
    namespace === undefined || name === undefined ? uid : `${namespace}/${name}`,
  peer: (row) => addressText(row.peer_address),
  peer_name: ({ peer_name: name, peer_address: address, interface: link }) =>
    name ?? (link !== undefined && linkLocal.test(address) ? `${address}%${link}` : address),
  local: (row) => addressText(row.local_address),
  port: ({ direction, local_port: local, peer_port: peer }) =>
    direction === 'inbound' ? local : direction === 'outbound' ? peer : Math.min(local, peer),
  outcome: (row) => (row.event === 'fail' ? (row.error ?? 'failed') : row.closed_by),
  flow_id: (row) => row.flow_ns,
};

/** Compares rows as a history sorts them. */
export function compareRows(order: ConnectionsOrder): (a: EndRow, b: EndRow) => number {
  if (order === 'newest') return (a, b) => comparePlaces(b, a);
  if (order === 'oldest') return comparePlaces;
  const name = order.startsWith('-') ? order.slice(1) : order;
  const isDown = readSort(order)?.isDown ?? false;
  const sortedBy = values[name] ?? ((row: EndRow) => row[name as keyof EndRow]);
  return (a, b) => {
    const [first, second] = [sortedBy(a), sortedBy(b)];
    // What is not known is last either way.
    if (first === undefined || second === undefined)
      return Number(first === undefined) - Number(second === undefined) || comparePlaces(b, a);
    const way = compareValues(first, second);
    return (isDown ? -way : way) || comparePlaces(b, a);
  };
}

function compareValues(a: NonNullable<Value>, b: NonNullable<Value>): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

function comparePlaces(a: EndRow, b: EndRow): number {
  const [first, second] = [placeOf(a), placeOf(b)];
  for (const [index, value] of first.entries()) {
    const other = second[index]!;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}
