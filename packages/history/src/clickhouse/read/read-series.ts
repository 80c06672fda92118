/** Figures of all hosts over time. */
import type { Answer } from '../../query/answer.js';
import type { EndsChoice } from '../../query/ends-choice.js';
import { MEASURE_COUNT, measureList, measureOrders } from '../../query/measures.js';
import { checkSeries, collectSeries, type Series, type SeriesQuery } from '../../query/series.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { withJoinedBoots } from './hosts.js';
import { clickhouseFields, readClickhouseKey } from './read-fields.js';
import { addedSums, clickhouseSums } from './read-sums.js';

/** Figures of a range, step by step. @throws OptionError, InterruptedError, HistoryError */
export function clickhouseSeries(
  reader: ClickhouseReader,
  query: SeriesQuery & EndsChoice,
): Promise<Answer<readonly Series[]>> {
  const { range, step, where, ends = 'once' } = query;
  const { by, fields: asked, limit, order } = checkSeries(query, clickhouseFields);
  return answerIn(reader, range, query, async (asking) => {
    const fields = await withJoinedBoots(asking, by, asked);
    const sums = await clickhouseSums(asking, { range, fields, where, step, ends });
    const names = fields.map((_, index) => `k${index}`);
    const grouping = names.length === 0 ? '' : ` GROUP BY ${names.join(', ')}`;
    const same = names.map((name) => `parts.${name} IS NOT DISTINCT FROM ranked.${name}`).join(' AND ');
    const ranking = [`${measureOrders[order]} DESC NULLS LAST`, ...names].join(', ');
    const ranked = `SELECT ${[...names, measureList].join(', ')}, row_number() OVER (ORDER BY ${ranking}) AS place
      FROM (SELECT ${[...names, addedSums].join(', ')} FROM ${sums.sql} AS parts${grouping}) ORDER BY ${ranking} LIMIT ${limit}`;
    const list = [...names.map((name) => `parts.${name}`), measureList, 'step'];
    const rows = await asking.rows(
      names.length === 0
        ? `SELECT ${[measureList, 'step'].join(', ')}, 1 AS place FROM ${sums.sql} ORDER BY step`
        : `SELECT ${list.join(', ')}, place FROM ${sums.sql} AS parts JOIN (SELECT ${names.join(', ')}, place FROM (${ranked})) AS ranked ON ${same} ORDER BY place, step`,
      sums.parameters,
    );
    return collectSeries(
      rows.map((row) => ({
        key: readClickhouseKey(by, row),
        measures: row.slice(by.length, by.length + MEASURE_COUNT),
        step: BigInt(row[by.length + MEASURE_COUNT] as string),
        place: Number(row.at(-1)),
      })),
      step,
    );
  });
}
