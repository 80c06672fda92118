/** SQL of users. */
import { OptionError } from '@weir/ebpf/errors';
import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { type Route, route } from '../route.js';
import { source } from '../schemas/parameters.js';
import type { RouteServices } from '../services.js';

/** The longest statement, characters. */
const MAX_STATEMENT = 100_000;

/** The route for SQL. */
export function sqlRoutes({ limits }: RouteServices): Route[] {
  return [
    route({
      method: 'post',
      path: '/sql',
      summary: 'One statement that reads, over the tables of the history.',
      role: 'sql',
      isQuery: true,
      body: z.strictObject({
        sql: z.string().min(1).max(MAX_STATEMENT),
        source,
        limit: z.int().min(1).max(limits.rows).default(Math.min(10_000, limits.rows)),
      }),
      answer: z.strictObject({
        columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
        rows: z.array(z.array(z.unknown())).describe('64-bit numbers and times are text.'),
        truncated: z.boolean().describe('Whether there were more rows than the limit allowed.'),
      }),
      handle: async ({ history, body, signal }) => {
        try {
          const { columns, rows, truncated } = await history.sql({
            sql: body.sql,
            limit: body.limit,
            signal,
          });
          return {
            columns: columns.map((column) => ({ ...column })),
            rows: rows.map((row) => [...row]),
            truncated,
          };
        } catch (error) {
          if (!(error instanceof OptionError)) throw error;
          throw new ProblemError('statement', error.message, {}, { cause: error });
        }
      },
    }),
  ];
}
