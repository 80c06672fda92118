/** Two ranges of time compared, over all hosts. */
import type { Answer } from '../../query/answer.js';
import {
  type CompareQuery,
  type Comparison,
  checkCompare,
  compareGroup,
  type Difference,
  differs,
  largest,
} from '../../query/compare.js';
import { secondsOf } from '../../query/groups.js';
import { MEASURE_COUNT, measureList, readMeasures } from '../../query/measures.js';
import { sumNames } from '../../rollup/sums.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { answerIn, coverageIn } from './coverage.js';
import { withJoinedBoots } from './hosts.js';
import { clickhouseFields, readClickhouseKey } from './read-fields.js';
import { clickhouseSums } from './read-sums.js';

/** Compares two ranges, group by group. @throws OptionError, InterruptedError, HistoryError */
export function clickhouseCompare(
  reader: ClickhouseReader,
  query: CompareQuery,
): Promise<Answer<Comparison>> {
  const { range, against, by, where } = query;
  const { fields: asked, limit } = checkCompare(query, clickhouseFields);
  return answerIn(reader, range, query, async (asking) => {
    const fields = await withJoinedBoots(asking, by, asked);
    const now = await clickhouseSums(asking, { range, fields, where });
    const before = await clickhouseSums(asking, { range: against, fields, where });
    const names = fields.map((_, index) => `k${index}`).join(', ');
    const ratio = secondsOf(range) / secondsOf(against);
    const sums = sumNames.flatMap((name) => [
      `sumIf(${name}, side = 0) AS n_${name}`,
      `sumIf(${name}, side = 1) AS b_${name}`,
    ]);
    const sides = `SELECT ${names}, ${measuresOf('n')}, ${measuresOf('b')}, is_now, is_before, count() OVER () AS n
      FROM (SELECT ${names}, ${sums.join(', ')}, countIf(side = 0) > 0 AS is_now, countIf(side = 1) > 0 AS is_before
        FROM (SELECT *, 0 AS side FROM ${now.sql} UNION ALL SELECT *, 1 AS side FROM ${before.sql}) GROUP BY ${names})`;
    const rows = await asking.rows(
      `SELECT * FROM (${sides}) WHERE ${differs(`toFloat64(${ratio})`)} ORDER BY ${largest}, ${names} LIMIT ${limit}`,
      now.parameters,
    );
    const [count] =
      rows.length > 0
        ? [rows[0]!.at(-1)]
        : ((await asking.rows(`SELECT count() FROM (${sides})`, now.parameters))[0] ?? []);
    const differences = rows.map((row): Difference => {
      const [first, second] = [row.slice(by.length), row.slice(by.length + MEASURE_COUNT)];
      const [isNow, isBefore] = row.slice(by.length + 2 * MEASURE_COUNT);
      const read = (values: readonly unknown[], span: typeof range) => readMeasures(values, secondsOf(span));
      return compareGroup(
        readClickhouseKey(by, row),
        isNow ? read(first, range) : undefined,
        isBefore ? read(second, against) : undefined,
        ratio,
      );
    });
    const { incomplete: _, ...againstCoverage } = await coverageIn(asking, against);
    return { against, againstCoverage, differences, count: Number(count ?? 0) };
  });
}

/** The measures of one side, with its letter before their names. */
function measuresOf(letter: string): string {
  return measureList.replace(/\b([pm]\d+)\b/g, `${letter}_$1`);
}
