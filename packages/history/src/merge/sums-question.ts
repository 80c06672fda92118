/** Sums of groups, which add up over histories: means and percentiles do not. */
import { OptionError } from '@weir/ebpf/errors';
import { type Answer, answer, type QueryLimits } from '../query/answer.js';
import type { Condition } from '../query/condition.js';
import { fieldsNamed } from '../query/fields.js';
import { readKey } from '../query/keys.js';
import { type MeasureOrder, measureList, measureOrders } from '../query/measures.js';
import { MOST_STEPS } from '../query/series.js';
import { withJoinedBoots } from '../query/stored-hosts.js';
import { trafficSums } from '../query/traffic-sums.js';
import { addedList, sumNames } from '../rollup/sums.js';
import type { HistoryReader, TimeRange } from '../store/session.js';
import { type GroupSums, isMeasureOrder, type Sums } from './group-sums.js';

/** Which sums are wanted. */
export interface SumsOfGroupsQuery extends QueryLimits {
  readonly range: TimeRange;
  /** Names of `groupFields`; none: one group of all. */
  readonly by: readonly string[];
  /** Nanoseconds of a step, at least a second: then each step of a group has its sums. */
  readonly step?: bigint;
  readonly where?: Condition;
  /** The largest come first. Default: bytes. */
  readonly order?: MeasureOrder;
  /** At most so many rows. */
  readonly limit: number;
}

/** Groups with their sums. */
export interface SumsOfGroups {
  readonly groups: readonly GroupSums[];
  /** How many there are, of which the first are here. */
  readonly count: number;
  /** Sums over all groups, returned or not. */
  readonly total: Sums;
}

const SECOND = 1_000_000_000n;

/** Adds up groups. @throws OptionError, InterruptedError */
export function querySums(reader: HistoryReader, query: SumsOfGroupsQuery): Promise<Answer<SumsOfGroups>> {
  const { range, by, step, where, order = 'bytes', limit } = query;
  const asked = fieldsNamed(by);
  if (!isMeasureOrder(order))
    throw new OptionError(`order: choose from ${Object.keys(measureOrders).join(', ')}`);
  if (step !== undefined && (step < SECOND || (range.to - range.from) / step > MOST_STEPS))
    throw new OptionError(`step: expected a second at least, and ${MOST_STEPS} steps at most`);
  return answer(reader, range, query, async (session) => {
    const fields = await withJoinedBoots(session, by, asked);
    const parts = await trafficSums(session, {
      ...{ range, fields, where },
      ...(step !== undefined && { step }),
    });
    const names = [...fields.map((_, index) => `k${index}`), ...(step === undefined ? [] : ['step'])];
    const rows = await session.query(
      `WITH parts AS MATERIALIZED ${parts.sql},
       all_of_them AS (SELECT ${addedList}, count(*) AS n FROM parts)
       SELECT * FROM (
         SELECT ${[...names, ...sumNames, 'NULL AS n', measureList].join(', ')} FROM parts
         UNION ALL SELECT ${[...names.map((name) => `NULL AS ${name}`), ...sumNames, 'n', measureList].join(', ')} FROM all_of_them)
       ORDER BY n IS NULL, ${[`${measureOrders[order]} DESC NULLS LAST`, ...names].join(', ')} LIMIT ${limit + 1}`,
      [...parts.values],
    );
    const sumsOf = (row: (typeof rows)[number]) =>
      row.slice(names.length, names.length + sumNames.length).map((value) => Number(value ?? 0));
    const [total, ...groups] = rows;
    return {
      groups: groups.map((row) => ({
        key: readKey(by, row),
        ...(step !== undefined && { step: row[names.length - 1] as bigint }),
        sums: sumsOf(row),
      })),
      count: Number(total![names.length + sumNames.length]),
      total: sumsOf(total!),
    };
  });
}
