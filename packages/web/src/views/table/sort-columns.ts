/** What the table can be sorted by, and how that is said in links and to the API. Pure. */
import { connectionColumns } from './connection-columns.js';

/** Orders of the API by column, where they have other names. */
const names: Readonly<Record<string, string>> = {
  sent: 'bytes_sent',
  received: 'bytes_received',
  duration: 'duration_us',
  handshake: 'handshake_us',
  rtt: 'srtt_us',
};
/** Columns whose values are texts: the first of them is at the top first, and the largest of the others. */
const textKinds: readonly string[] = ['name', 'error'];

const nameOf = (id: string) => names[id] ?? id;

/** The column of an order; undefined where the order is by none. */
export function sortedColumn(order: string): string | undefined {
  const name = order.replace('-', '');
  return connectionColumns.find(({ id }) => id !== 'time' && nameOf(id) === name)?.id;
}

/** What a column's header shows. */
export function sortShown(id: string, order: string): 'ascending' | 'descending' | 'none' {
  if (order === 'newest' || order === 'oldest')
    return id !== 'time' ? 'none' : order === 'newest' ? 'descending' : 'ascending';
  if (sortedColumn(order) !== id) return 'none';
  return order.startsWith('-') ? 'descending' : 'ascending';
}

/** The order after a click on a column's header. */
export function nextOrder(id: string, order: string): string {
  if (id === 'time') return order === 'newest' ? 'oldest' : 'newest';
  const [up, down] = [nameOf(id), `-${nameOf(id)}`];
  if (order === up) return down;
  if (order === down) return up;
  const kind = connectionColumns.find((column) => column.id === id)?.kind ?? '';
  return textKinds.includes(kind) ? up : down;
}
