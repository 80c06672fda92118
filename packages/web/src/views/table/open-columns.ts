/** Columns of connections that were open at a moment, and how these are sorted. Pure. */
import type { OpenConnection } from '../../api/api-types.js';
import { parseApiTime } from '../../format/time-text.js';
import type { CellValue } from './table-text.js';

/** How a value is shown. */
export type OpenColumnKind = 'since' | 'name' | 'number' | 'bytes' | 'rate' | 'duration' | 'count';

/** A column. */
export interface OpenColumn {
  /** As in links. */
  readonly id: string;
  readonly title: string;
  readonly kind: OpenColumnKind;
  /** CSS pixels. */
  readonly width: number;
  readonly value: (connection: OpenConnection) => CellValue;
}

/** All of them, in their order. */
export const openColumns: readonly OpenColumn[] = [
  { id: 'since', title: 'Open since', kind: 'since', width: 142, value: (c) => c.started },
  { id: 'process', title: 'Process', kind: 'name', width: 124, value: (c) => c.process?.comm },
  { id: 'pid', title: 'PID', kind: 'number', width: 72, value: (c) => c.process?.pid },
  { id: 'direction', title: 'Direction', kind: 'name', width: 84, value: (c) => c.direction },
  { id: 'local', title: 'Local', kind: 'name', width: 130, value: (c) => c.local.address },
  { id: 'local_port', title: 'Local port', kind: 'number', width: 78, value: (c) => c.local.port },
  { id: 'peer', title: 'Peer', kind: 'name', width: 150, value: (c) => c.peer.name ?? c.peer.address },
  { id: 'peer_port', title: 'Peer port', kind: 'number', width: 78, value: (c) => c.peer.port },
  { id: 'state', title: 'State', kind: 'name', width: 104, value: (c) => c.state },
  { id: 'sending', title: 'Sending', kind: 'rate', width: 88, value: (c) => c.send_rate },
  { id: 'receiving', title: 'Receiving', kind: 'rate', width: 88, value: (c) => c.receive_rate },
  { id: 'sent', title: 'Sent', kind: 'bytes', width: 80, value: (c) => c.bytes_sent },
  { id: 'received', title: 'Received', kind: 'bytes', width: 80, value: (c) => c.bytes_received },
  { id: 'rtt', title: 'RTT', kind: 'duration', width: 76, value: (c) => c.srtt_us },
  { id: 'retransmits', title: 'Sent again', kind: 'count', width: 78, value: (c) => c.retransmits },
  { id: 'unit', title: 'Unit', kind: 'name', width: 150, value: (c) => c.process?.unit },
  {
    ...{ id: 'container', title: 'Container', kind: 'name', width: 150 },
    value: ({ process }) => process?.container_name ?? process?.container_id,
  },
];

/** The busiest first. */
export const BUSIEST = 'busiest';

/** An order: by a column upwards, or with `-` downwards. */
export interface OpenOrder {
  readonly column: OpenColumn | undefined;
  readonly isDescending: boolean;
}

/** The order of a link; what is none is {@link BUSIEST}. */
export function readOpenOrder(text: string): OpenOrder {
  const isDescending = text.startsWith('-');
  const id = isDescending ? text.slice(1) : text;
  return { column: openColumns.find((column) => column.id === id), isDescending };
}

/** What a link says after a click on a column's header: the largest first, and names from A on. */
export function nextOpenOrder(id: string, { column, isDescending }: OpenOrder): string {
  const [up, down] = [id, `-${id}`];
  if (column?.id === id) return isDescending ? up : down;
  const { kind } = openColumns.find((each) => each.id === id)!;
  return kind === 'name' || kind === 'since' ? up : down;
}

/** What is both sent and received a second, bytes. */
export function busynessOf({ send_rate = 0, receive_rate = 0 }: OpenConnection): number {
  return send_rate + receive_rate;
}

/** Sorts them. What is not known comes last; of equal ones, the oldest first. */
export function sortOpen(
  connections: readonly OpenConnection[],
  { column, isDescending }: OpenOrder,
): OpenConnection[] {
  const value = (connection: OpenConnection): CellValue => {
    if (column === undefined) return busynessOf(connection);
    const found = column.value(connection);
    return column.kind === 'since' && found !== undefined ? parseApiTime(String(found)) : found;
  };
  const sign = isDescending || column === undefined ? -1 : 1;
  const age = ({ started }: OpenConnection) => (started === undefined ? 0 : parseApiTime(started));
  return connections
    .map((connection) => ({ connection, key: value(connection), age: age(connection) }))
    .sort((a, b) => {
      if (a.key === undefined || b.key === undefined)
        return Number(a.key === undefined) - Number(b.key === undefined) || a.age - b.age;
      const order = typeof a.key === 'number' ? a.key - Number(b.key) : compareTexts(a.key, String(b.key));
      return sign * order || a.age - b.age;
    })
    .map(({ connection }) => connection);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
