/** Connections of all hosts grouped by fields. */
import type { Answer } from '../../query/answer.js';
import type { EndsChoice } from '../../query/ends-choice.js';
import type { GroupField } from '../../query/fields.js';
import {
  checkGroups,
  type Group,
  type Groups,
  type GroupsQuery,
  latencies,
  PERCENTILE_GROUPS,
  secondsOf,
} from '../../query/groups.js';
import { MEASURE_COUNT, measureList, measureOrders, readMeasures } from '../../query/measures.js';
import type { Asking, ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { withJoinedBoots } from './hosts.js';
import { clickhouseFields, readClickhouseKey } from './read-fields.js';
import { clickhouseSums, countedRows } from './read-sums.js';

/** Groups the connections of a range. @throws OptionError, InterruptedError, HistoryError */
export function clickhouseGroups(
  reader: ClickhouseReader,
  query: GroupsQuery & EndsChoice,
): Promise<Answer<Groups>> {
  const { fields: asked, limit, percentiles } = checkGroups(query, clickhouseFields);
  return answerIn(reader, query.range, query, async (asking) => {
    const fields = await withJoinedBoots(asking, query.by, asked);
    const found = await findGroups(asking, query, fields, limit);
    if (percentiles.length === 0 || found.groups.length === 0)
      return { ...found, groups: found.groups.map(({ number: _, ...group }) => group) };
    return { ...found, groups: await addPercentiles(asking, query, fields, found.groups) };
  });
}

/** A group is known again by a number: its key may be long. */
interface KnownGroup extends Group {
  readonly number: string;
}

const numberOf = (names: readonly string[]) =>
  `cityHash64(${names.map((name) => `isNull(${name}), ifNull(toString(${name}), '')`).join(', ')})`;

interface FoundGroups extends Groups {
  readonly groups: readonly KnownGroup[];
}

async function findGroups(
  asking: Asking,
  { range, by, where, ends = 'once', order = 'bytes' }: GroupsQuery & EndsChoice,
  fields: readonly GroupField[],
  limit: number,
): Promise<FoundGroups> {
  const seconds = secondsOf(range);
  // A connection is there once in the total, though each of its ends may be in a group of its own.
  const all = await clickhouseSums(asking, { range, fields: [], where, ends });
  const [sum] = await asking.rows(`SELECT ${measureList} FROM ${all.sql}`, all.parameters);
  const total = readMeasures(sum!, seconds);
  if (fields.length === 0) return { groups: [], count: 0, total };
  const sums = await clickhouseSums(asking, { range, fields, where, ends });
  const names = fields.map((_, index) => `k${index}`);
  const rows = await asking.rows(
    `SELECT ${[...names, measureList].join(', ')}, ${numberOf(names)}, count() OVER () FROM ${sums.sql}
     ORDER BY ${measureOrders[order]} DESC NULLS LAST, ${names.join(', ')} LIMIT ${limit}`,
    sums.parameters,
  );
  const groups = rows.map((row) => ({
    key: readClickhouseKey(by, row),
    ...readMeasures(row.slice(by.length, by.length + MEASURE_COUNT), seconds),
    number: row.at(-2) as string,
  }));
  return { groups, count: Number(rows[0]?.at(-1) ?? 0), total };
}

async function addPercentiles(
  asking: Asking,
  { range, where, ends = 'once', percentiles = [] }: GroupsQuery & EndsChoice,
  fields: readonly GroupField[],
  groups: readonly KnownGroup[],
): Promise<Group[]> {
  const names = fields.map((_, index) => `k${index}`);
  const chosen = groups.slice(0, PERCENTILE_GROUPS).map(({ number }) => number);
  const keys = fields.map(({ sql }) => sql);
  const source = await countedRows(asking, { range, where, keys, ends });
  const levels = percentiles.map(Number).join(', ');
  const columns = latencies.map((name) => `quantilesExactInclusiveIf(${levels})(${name}, is_end)`);
  const rows = await asking.rows(
    `SELECT ${numberOf(names)} AS number, ${columns.join(', ')} FROM ${source.sql}
     WHERE number IN (${chosen.join(', ')}) GROUP BY number`,
    source.parameters,
  );
  const found = new Map(rows.map(([number, ...lists]) => [number, lists.map(levelsOf)]));
  return groups.map(({ number, ...group }) => {
    const lists = found.get(number);
    if (lists === undefined) return group;
    const [handshake, srtt, duration] = lists;
    return {
      ...group,
      percentiles: { handshake_us: handshake!, srtt_us: srtt!, duration_us: duration! },
    };
  });
}

/** Where nothing is known, there are no levels. */
function levelsOf(list: unknown): readonly (number | null)[] {
  const levels = (list ?? []) as readonly (number | null)[];
  return levels.every((level) => level === null) ? [] : levels;
}
