/** Which columns are shown, and how wide, as links and the browser remember it: `time,process:240`. Pure. */
import { type ConnectionColumn, connectionColumns } from './connection-columns.js';

/** A column that is shown. */
export interface ChosenColumn extends ConnectionColumn {
  readonly width: number;
}

/** Columns of a link that names none. */
export const USUAL_COLUMNS =
  'time,process,direction,peer_name,port,outcome,sent,received,duration,handshake,rtt,retransmits';

const LEAST_WIDTH = 40;
const MOST_WIDTH = 900;

/** A width that can be used. */
export function clampWidth(width: number): number {
  return Math.round(Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, width)));
}

/** The columns that a text names, in the order of all columns. What it does not know is left out; of nothing, the usual ones. */
export function readColumns(text: string): ChosenColumn[] {
  const widths = new Map(
    text.split(',').map((part): [string, number | undefined] => {
      const [id = '', width] = part.split(':', 2);
      return [id, width === undefined || !/^\d{1,4}$/.test(width) ? undefined : Number(width)];
    }),
  );
  const chosen = connectionColumns
    .filter(({ id }) => widths.has(id))
    .map((column) => ({ ...column, width: clampWidth(widths.get(column.id) ?? column.width) }));
  return chosen.length > 0 || text === USUAL_COLUMNS ? chosen : readColumns(USUAL_COLUMNS);
}

/** The text of columns. */
export function writeColumns(columns: readonly ChosenColumn[]): string {
  const usual = new Map(connectionColumns.map(({ id, width }) => [id, width]));
  return columns.map(({ id, width }) => (usual.get(id) === width ? id : `${id}:${width}`)).join(',');
}

/** The same columns with one more, or one less. The last one stays. */
export function toggleColumn(columns: readonly ChosenColumn[], id: string): ChosenColumn[] {
  const isShown = columns.some((column) => column.id === id);
  if (isShown) return columns.length === 1 ? [...columns] : columns.filter((column) => column.id !== id);
  const ids = new Set([...columns.map((column) => column.id), id]);
  return connectionColumns
    .filter((column) => ids.has(column.id))
    .map((column) => columns.find((each) => each.id === column.id) ?? column);
}

/** The same columns, one of them with another width. */
export function resizeColumn(columns: readonly ChosenColumn[], id: string, width: number): ChosenColumn[] {
  return columns.map((column) => (column.id === id ? { ...column, width: clampWidth(width) } : column));
}
