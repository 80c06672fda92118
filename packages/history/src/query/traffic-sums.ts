/** Sums of all that happened in a range: out of those of segments where they know enough, else out of rows. */
import { ROLLUPS, rollupColumns } from '../rollup/rollup-tables.js';
import { addedList, sumList, sumNames } from '../rollup/sums.js';
import type { Segment } from '../store/catalog.js';
import type { Session, TimeRange } from '../store/session.js';
import { all, type Condition } from './condition.js';
import type { GroupField } from './fields.js';
import { traffic } from './traffic.js';

/** Which sums are wanted. */
export interface SumsQuery {
  readonly range: TimeRange;
  /** Each is a column `k0`, `k1`, … of the sums. */
  readonly fields: readonly GroupField[];
  readonly where?: Condition | undefined;
  /** Nanoseconds of a step, which is one more column: its number since 1970. */
  readonly step?: bigint;
}

/** A subquery with the sums of each group. The figures are the same from wherever they come. */
export async function trafficSums(session: Session, query: SumsQuery): Promise<Condition> {
  const { range, fields, where, step } = query;
  const names = [...fields.map((_, index) => `k${index}`), ...(step === undefined ? [] : ['step'])];
  const grouping = names.join(', ') || '()';
  const list = (expressions: readonly string[]) =>
    [
      ...expressions.map((sql, index) => `${sql} AS k${index}`),
      ...(step === undefined ? [] : [`epoch_ns(time) // ${step} AS step`]),
      '0 AS nothing',
    ].join(', ');
  const summed = knowEnough(query)
    ? await session.summed(range, (segment) => isInOneStep(segment, step))
    : [];
  const keys = list(fields.map(({ sql }) => sql));
  const without = new Set(summed.map(({ name }) => name));
  const source = traffic(session, { range, where, users: [keys, sumList], without });
  const raw = `SELECT ${[...names, sumList].join(', ')} FROM (SELECT *, ${keys} FROM ${source.sql}) GROUP BY ${grouping}`;
  if (summed.length === 0) return { sql: `(${raw})`, values: source.values };
  const filter = all(where);
  const rolled = `SELECT ${[...names, ...sumNames].join(', ')}
    FROM (SELECT *, ${list(fields.map(({ rollup }) => rollup!))} FROM ${ROLLUPS} WHERE ${filter.sql}
      AND summary IN (SELECT unnest([${summed.map(({ summary }) => summary).join(', ')}])))`;
  return {
    sql: `(SELECT ${[...names, addedList].join(', ')} FROM (${raw} UNION ALL ${rolled}) GROUP BY ${grouping})`,
    values: [...source.values, ...filter.values],
  };
}

/** Columns of filters that sums of segments have. */
const known: ReadonlySet<string> = new Set([...rollupColumns, 'type']);

function knowEnough({ fields, where }: SumsQuery): boolean {
  if (fields.some(({ rollup }) => rollup === undefined)) return false;
  return where === undefined || (where.columns?.every((name) => known.has(name)) ?? false);
}

function isInOneStep({ from, to }: Segment, step: bigint | undefined): boolean {
  // Numbers below 0 are not rounded down.
  return step === undefined || (from >= 0n && from / step === to / step);
}
