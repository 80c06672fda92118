/** Connections that ended, one by one. */
import { type ConnectionKey, connectionSorts } from '@weir/history/query';
import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { joinedOf } from '../joined-json.js';
import { readPageCursor, writePageCursor } from '../page-cursor.js';
import { type Route, route } from '../route.js';
import { coverageOf, endOf, intervalOf, openOf } from '../row-json.js';
import { joinedJson } from '../schemas/joined-values.js';
import {
  filteredParameters,
  filterOf,
  momentNow,
  numberText,
  optionalRange,
  rangeOf,
  source,
  zone,
} from '../schemas/parameters.js';
import { coverageJson, endJson, intervalJson, openJson } from '../schemas/values.js';
import type { RouteServices } from '../services.js';

/** Connections of a page, where none are asked for. */
const USUAL_ROWS = 1000;

/** A page of connections. */
export const connectionsAnswer = z.strictObject({
  ...coverageJson,
  connections: z.array(endJson),
  next: z.string().exactOptional().describe('The cursor of the next page; absent on the last one.'),
});

/** One connection. */
export const connectionAnswer = z.strictObject({
  ...coverageJson,
  connections: z.array(endJson).describe('Its ends that have ended; both of them where both are here.'),
  open: z.array(openJson).describe('The last look at its ends of which no end is known.'),
  intervals: z
    .array(intervalJson)
    .describe('What it moved, a row a minute in which it moved anything; the 10,000 newest.'),
  joined: z.array(joinedJson).describe('Ends that belong together, and what they say differently.'),
});

/** Routes about single connections. */
export function connectionRoutes(services: RouteServices): Route[] {
  return [listRoute(services), oneRoute()];
}

function listRoute({ limits }: RouteServices): Route {
  const usual = Math.min(USUAL_ROWS, limits.rows);
  return route({
    method: 'get',
    path: '/connections',
    summary: 'Connections that ended or failed in a range, a page at a time.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...filteredParameters,
      order: z
        .enum(['newest', 'oldest', ...connectionSorts])
        .default('newest')
        .describe(
          'Default newest. Others have the smallest first, with a minus the largest; last is what is not known.',
        ),
      limit: numberText(1, limits.rows)
        .exactOptional()
        .describe(`At most so many, up to ${limits.rows}. Default ${usual}.`),
      cursor: z
        .string()
        .max(4200)
        .exactOptional()
        .describe('`next` of the page before, with the same filter and order; it has the range.'),
      skip: numberText(0, 10_000)
        .exactOptional()
        .describe(
          'Leaves out so many connections before the page, up to 10,000, where they are not sorted by time.',
        ),
    }),
    answer: connectionsAnswer,
    handle: async ({ history, query, signal }) => {
      const { order, limit = usual, cursor, skip } = query;
      const start = cursor === undefined ? { range: rangeOf(query) } : readPageCursor(cursor, query);
      const answer = await history.connections({
        ...start,
        order,
        limit,
        signal,
        ...(skip !== undefined && { skip }),
        ...filterOf(query),
      });
      const { rows, next } = answer.result;
      return {
        ...coverageOf(answer),
        connections: rows.map(endOf),
        ...(next !== undefined && { next: writePageCursor({ range: answer.range, cursor: next }, query) }),
      };
    },
  });
}

function oneRoute(): Route {
  return route({
    method: 'get',
    path: '/connections/{id}',
    summary:
      'One connection by its flow_id, or both ends of one by its connection_id, with what it moved by minute.',
    role: 'read',
    isQuery: true,
    pathParameters: z.strictObject({
      id: z
        .string()
        .regex(
          /^(?:[0-9a-f]{1,16}\.\d{1,5}|[0-9a-f]{16})$/,
          'a flow_id such as 35a4e901.1, or a connection_id of 16 hexadecimal digits',
        )
        .describe('A flow_id or a connection_id.'),
    }),
    query: z.strictObject({ range: optionalRange, zone, source }),
    answer: connectionAnswer,
    handle: async ({ history, path, query: { range, zone }, signal }) => {
      const parameters = zone === undefined ? {} : { zone };
      const within = range === undefined ? { from: 0n, to: momentNow() } : rangeOf({ range, ...parameters });
      const answer = await history.connection({ key: keyOf(path.id), range: within, signal });
      const { ends, opens, intervals } = answer.result;
      if (ends.length + opens.length === 0)
        throw new ProblemError('missing', `no connection ${path.id} is in the range`);
      return {
        ...coverageOf(answer),
        connections: ends.map(endOf),
        open: opens.map(openOf),
        intervals: intervals.map(intervalOf),
        joined: joinedOf([...ends, ...opens]),
      };
    },
  });
}

function keyOf(id: string): ConnectionKey {
  const [first, cpu] = id.split('.');
  const number = BigInt(`0x${first}`);
  return cpu === undefined ? { connectionId: number } : { flow: { ns: number, cpu: Number(cpu) } };
}
