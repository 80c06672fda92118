/** Groups, series and comparisons. */
import { type MeasureOrder, measureOrders } from '@weir/history/query';
import { timeText } from '@weir/history/rows';
import { z } from 'zod';
import { type Route, route } from '../route.js';
import { coverageOf } from '../row-json.js';
import {
  fieldList,
  filteredParameters,
  filterOf,
  numberText,
  rangeOf,
  spanText,
} from '../schemas/parameters.js';
import { coverageJson, keyJson, lossJson, measuresJson, rangeJson, time } from '../schemas/values.js';

const order = z
  .enum(Object.keys(measureOrders) as [MeasureOrder, ...MeasureOrder[]])
  .default('bytes')
  .describe('What the largest come first of. Default bytes.');

const ends = z
  .enum(['once', 'all'])
  .default('once')
  .describe(
    'Where several hosts are asked: once: a connection counts at one end where both are known. all: at each. Default once.',
  );

const percentileList = z
  .string()
  .max(100)
  .transform((text) => text.split(',').map(Number))
  .refine((list) => list.length <= 8 && list.every((each) => each >= 0 && each <= 1), {
    error: 'expected up to 8 numbers from 0 to 1, with commas',
  });

const percentiles = z.array(z.union([z.number(), z.null()]));

/** Figures by fields. */
export const groupsAnswer = z.strictObject({
  ...coverageJson,
  groups: z.array(
    z.strictObject({
      key: keyJson,
      ...measuresJson,
      percentiles: z
        .strictObject({ handshake_us: percentiles, srtt_us: percentiles, duration_us: percentiles })
        .exactOptional(),
    }),
  ),
  count: z.int().describe('How many groups there are, of which the first are here.'),
  total: z.strictObject(measuresJson),
});

/** Figures over time. */
export const seriesAnswer = z.strictObject({
  ...coverageJson,
  step_seconds: z.number(),
  series: z.array(
    z.strictObject({
      key: keyJson,
      points: z.array(z.strictObject({ time: time.describe('When the step begins.'), ...measuresJson })),
    }),
  ),
});

/** What differs from another range. */
export const compareAnswer = z.strictObject({
  ...coverageJson,
  against: z.strictObject({
    range: rangeJson,
    losses: z.array(lossJson),
    unrecorded: z.array(rangeJson),
  }),
  differences: z.array(
    z.strictObject({
      key: keyJson,
      changes: z.array(z.enum(['new', 'gone', 'slower', 'more_failures', 'more_bytes'])),
      now: z.strictObject(measuresJson).exactOptional(),
      before: z.strictObject(measuresJson).exactOptional(),
    }),
  ),
  count: z.int().describe('How many groups both ranges have together.'),
});

/** Routes with figures instead of connections. */
export function aggregateRoutes(): Route[] {
  return [groupsRoute(), seriesRoute(), compareRoute()];
}

function groupsRoute(): Route {
  return route({
    method: 'get',
    path: '/groups',
    summary: 'Connections of a range grouped by fields, with figures of each group.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...filteredParameters,
      by: fieldList
        .prefault('')
        .describe('Fields with commas, such as process,peer. Default: one group of all.'),
      ends,
      order,
      limit: numberText(1, 10_000).prefault('100').describe('At most so many groups. Default 100.'),
      percentiles: percentileList.exactOptional().describe('Percentiles of latencies, such as 0.5,0.95.'),
    }),
    answer: groupsAnswer,
    handle: async ({ history, query, signal }) => {
      const { by, ends, order, limit, percentiles } = query;
      const wanted = percentiles === undefined ? {} : { percentiles };
      const answer = await history.groups({
        range: rangeOf(query),
        ...{ by, ends, order, limit, signal, ...wanted, ...filterOf(query) },
      });
      const { groups, count, total } = answer.result;
      return { ...coverageOf(answer), groups: groups.map(withLists), count, total };
    },
  });
}

/** The schema wants lists that may be changed. */
function withLists<G extends { readonly percentiles?: Percentiles }>({ percentiles, ...group }: G) {
  if (percentiles === undefined) return group;
  const { handshake_us, srtt_us, duration_us } = percentiles;
  return {
    ...group,
    percentiles: { handshake_us: [...handshake_us], srtt_us: [...srtt_us], duration_us: [...duration_us] },
  };
}

interface Percentiles {
  readonly handshake_us: readonly (number | null)[];
  readonly srtt_us: readonly (number | null)[];
  readonly duration_us: readonly (number | null)[];
}

function seriesRoute(): Route {
  return route({
    method: 'get',
    path: '/series',
    summary: 'Figures of a range, step by step.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...filteredParameters,
      step: spanText.prefault('1m').describe('Length of a step: 1s, 1m, 1h. Default 1m.'),
      by: fieldList
        .prefault('')
        .describe('Fields: a series for each of the largest groups. Default: one series.'),
      ends,
      order,
      limit: numberText(1, 100).prefault('10').describe('At most so many series. Default 10.'),
    }),
    answer: seriesAnswer,
    handle: async ({ history, query, signal }) => {
      const { by, ends, order, limit, step } = query;
      const range = rangeOf(query);
      const asked = { range, step, by, ends, order, limit, signal, ...filterOf(query) };
      const answer = await history.series(asked);
      const series = answer.result.map(({ key, points }) => ({
        key: { ...key },
        points: points.map((point) => ({ ...point, time: timeText(point.time) })),
      }));
      return { ...coverageOf(answer), step_seconds: Number(step) / 1e9, series };
    },
  });
}

function compareRoute(): Route {
  return route({
    method: 'get',
    path: '/compare',
    summary: 'Groups that are new, gone, slower, or fail more than in another range.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...filteredParameters,
      against: z.string().min(1).max(100).describe('The other range.'),
      by: fieldList.prefault('process,peer').describe('Fields. Default process,peer.'),
      limit: numberText(1, 10_000).prefault('1000').describe('At most so many differences. Default 1000.'),
    }),
    answer: compareAnswer,
    handle: async ({ history, query, signal }) => {
      const { by, limit, zone } = query;
      const against = rangeOf({ range: query.against, ...(zone !== undefined && { zone }) });
      const range = rangeOf(query);
      const answer = await history.compare({ range, against, by, limit, signal, ...filterOf(query) });
      const { againstCoverage, differences, count } = answer.result;
      return {
        ...coverageOf(answer),
        against: coverageOf({ range: against, ...againstCoverage }),
        differences: differences.map(({ key, changes, ...measures }) => ({
          key: { ...key },
          changes: [...changes],
          ...measures,
        })),
        count,
      };
    },
  });
}
