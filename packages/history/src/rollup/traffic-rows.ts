/** What happened: rows of `ends`, and of `intervals` with the same columns. Pure. */
import { type Columns, endColumns, intervalColumns, selectList } from '../schema/index.js';

const common = Object.keys(intervalColumns).filter((name) => name in endColumns);
const own: Columns = Object.fromEntries(
  Object.entries(endColumns).filter(([name]) => !(name in intervalColumns)),
);
const figures = ['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'];

/**
 * A SELECT of the rows of a table with the columns of `ends`. Bytes are counted once: an end whose bytes its intervals have counts
 * none, so its columns `counted_…` are 0, by a product, which takes half as long as a case. `is_end` says which is which.
 *
 * @param source A subquery with the columns of the table that {@link sourceNames} says.
 * @param used Names of the columns that are wanted; others may be among them. Default: all.
 */
export function trafficRows(table: 'ends' | 'intervals', source: string, used?: ReadonlySet<string>): string {
  const isEnd = table === 'ends';
  const isUsed = (name: string) => used === undefined || used.has(name);
  const counted = figures
    .filter((name) => isUsed(counts(name)))
    .map((name) => `${name}::DOUBLE${isEnd ? ' * (interval_rows = 0)::DOUBLE' : ''} AS ${counts(name)}`);
  const names = (isEnd ? [...common, ...Object.keys(own)] : common).filter(isUsed);
  const missing = Object.fromEntries(Object.entries(own).filter(([name]) => !isEnd && isUsed(name)));
  const columns = [
    ...names.map((name) => `"${name}"`),
    ...(Object.keys(missing).length === 0 ? [] : [selectList(missing, 0)]),
    ...counted,
    `${isEnd} AS is_end`,
  ];
  return `SELECT ${columns.join(', ')} FROM ${source}`;
}

const counts = (figure: string) => `counted_${figure}`;

/** Names of the columns of tables that rows with the used ones are made of. */
export function sourceNames(used: ReadonlySet<string>): ReadonlySet<string> {
  const counted = figures.filter((name) => used.has(counts(name)));
  return new Set([...used, ...counted, ...(counted.length === 0 ? [] : ['interval_rows']), 'time']);
}
