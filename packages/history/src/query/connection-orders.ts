/** By what connections can be sorted besides their time. Pure. */
import { groupFields } from './fields.js';

/** Something to sort by. */
export interface ConnectionOrder {
  readonly sql: string;
  /** How its values go into statements, and compare. */
  readonly type: 'HUGEINT' | 'VARCHAR';
}

const number = (sql: string): ConnectionOrder => ({ sql: `(${sql})::HUGEINT`, type: 'HUGEINT' });
const text = (sql: string): ConnectionOrder => ({ sql: `(${sql})::VARCHAR`, type: 'VARCHAR' });
const field = (name: string) => text(groupFields[name]!.sql);
const count = (name: string) => number(name);

/** By name. Texts are in the order of their bytes, addresses in that of numbers, IPv4 before IPv6. */
export const connectionOrders = {
  process: field('process'),
  executable: field('executable'),
  command_line: field('command_line'),
  pid: count('pid'),
  uid: count('uid'),
  unit: field('unit'),
  container: field('container'),
  pod: field('pod'),
  // The text of this type has the digits of the number.
  peer: text('peer_ip'),
  peer_name: field('peer_name'),
  peer_group: field('peer_group'),
  country: field('country'),
  asn: count('peer_asn'),
  as_org: field('as_org'),
  peer_port: count('peer_port'),
  local: text('local_ip'),
  local_port: count('local_port'),
  port: number(groupFields.port!.sql),
  service: field('service'),
  host: count('host_id'),
  transport: field('transport'),
  family: field('family'),
  direction: field('direction'),
  interface: field('interface'),
  netns: count('netns'),
  event: field('event'),
  error: field('error'),
  closed_by: field('closed_by'),
  outcome: text("CASE event WHEN 'fail' THEN coalesce(error, 'failed') ELSE closed_by END"),
  bytes_sent: count('bytes_sent'),
  bytes_received: count('bytes_received'),
  segments_sent: count('segments_sent'),
  segments_received: count('segments_received'),
  retransmits: count('retransmits'),
  duration_us: count('duration_us'),
  handshake_us: count('handshake_us'),
  srtt_us: count('srtt_us'),
  flow_id: count('flow_ns'),
  connection_id: count('connection_id'),
} as const satisfies Readonly<Record<string, ConnectionOrder>>;

/** Something to sort by: the smallest first, or with a minus before it the largest. */
export type ConnectionSort = keyof typeof connectionOrders | `-${keyof typeof connectionOrders}`;

/** All of them. */
export const connectionSorts: readonly ConnectionSort[] = (
  Object.keys(connectionOrders) as (keyof typeof connectionOrders)[]
).flatMap((name) => [name, `-${name}` as const]);

/** Orders by name. */
export type ConnectionOrders = Readonly<Record<keyof typeof connectionOrders, ConnectionOrder>>;

/** What a text sorts by; undefined for one that says nothing of the kind. */
export function readSort(
  text: string,
  orders: ConnectionOrders = connectionOrders,
): { readonly order: ConnectionOrder; readonly isDown: boolean } | undefined {
  const isDown = text.startsWith('-');
  const name = isDown ? text.slice(1) : text;
  if (!Object.hasOwn(connectionOrders, name)) return undefined;
  return { order: orders[name as keyof typeof connectionOrders], isDown };
}
