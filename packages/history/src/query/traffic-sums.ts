/** Sums of all that happened in a range: out of those of segments where they know enough, else out of rows. */
import { type Rollup, rollupKeys, rollups } from '../rollup/rollup-tables.js';
import { addedList, partList, sumList, sumNames } from '../rollup/sums.js';
import type { Segment } from '../store/catalog.js';
import type { Session, SummedSegment, TimeRange } from '../store/session.js';
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
  const knowing = rollups.filter((rollup) => knowsEnough(rollup, query));
  const summed = await session.summed(range, knowing, (segment) => isInOneStep(segment, step));
  const keys = list(fields.map(({ sql }) => sql));
  const without = new Set(summed.map(({ name }) => name));
  const source = traffic(session, { range, where, users: [keys, sumList], without });
  const rows = `(SELECT *, ${keys} FROM ${source.sql})`;
  const select = (sums: string, from: string) => `SELECT ${[...names, sums].join(', ')} FROM ${from}`;
  if (summed.length === 0)
    return { sql: `(${select(sumList, rows)} GROUP BY ${grouping})`, values: source.values };
  const filter = all(where);
  const parts = knowing
    .map((rollup) => ({ rollup, segments: summed.filter((each) => each.rollup === rollup) }))
    .filter(({ segments }) => segments.length > 0)
    .map(({ rollup, segments }) => {
      const rolled = list(fields.map((field) => field.rollup!));
      return select(
        sumNames.join(', '),
        `(SELECT *, ${rolled} FROM ${rollup.table} WHERE ${filter.sql} AND ${isOneOf(segments)})`,
      );
    });
  // Each row is one more part: to add up rows by themselves would be to group twice.
  const allParts = [select(partList, rows), ...parts].join(' UNION ALL ');
  return {
    sql: `(${select(addedList, `(${allParts})`)} GROUP BY ${grouping})`,
    values: [...source.values, ...parts.flatMap(() => filter.values)],
  };
}

function isOneOf(segments: readonly SummedSegment[]): string {
  return `summary IN (SELECT unnest([${segments.map(({ summary }) => summary).join(', ')}]))`;
}

/** Columns that only some sums have, or none. */
const allKeys: ReadonlySet<string> = new Set(rollups.flatMap(rollupKeys));

function knowsEnough(rollup: Rollup, { fields, where }: SumsQuery): boolean {
  const keys = new Set(rollupKeys(rollup));
  const isKnown = ({ rollup: sql }: GroupField) =>
    sql?.match(/\w+/g)?.every((word) => keys.has(word) || !allKeys.has(word)) ?? false;
  // Filters call a family a type.
  const hasColumn = (name: string) => keys.has(name === 'type' ? 'family' : name);
  return fields.every(isKnown) && (where === undefined || (where.columns?.every(hasColumn) ?? false));
}

function isInOneStep({ from, to }: Segment, step: bigint | undefined): boolean {
  // Numbers below 0 are not rounded down.
  return step === undefined || (from >= 0n && from / step === to / step);
}
