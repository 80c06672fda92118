/** The server itself: whether it works, and what it is. */
import { timeText } from '@weir/history/rows';
import { z } from 'zod';
import { roles } from '../../auth/roles.js';
import { ProblemError } from '../problem.js';
import { type Route, route } from '../route.js';
import { time } from '../schemas/values.js';
import type { RouteServices } from '../services.js';

/** Routes about the server. */
export function serverRoutes(services: RouteServices): Route[] {
  return [healthRoute(), readyRoute(services), statusRoute(services)];
}

function healthRoute(): Route {
  return route({
    method: 'get',
    path: '/health',
    summary: 'Whether the process answers.',
    role: 'none',
    answer: z.strictObject({ status: z.literal('ok') }),
    handle: () => ({ status: 'ok' as const }),
  });
}

function readyRoute({ history, status }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/ready',
    summary: 'Whether connections are recorded and questions are answered.',
    role: 'none',
    answer: z.strictObject({ status: z.literal('ready') }),
    handle: () => {
      if (history.readOnly) throw new ProblemError('history', 'the disk of the history can only be read');
      if (status().collectors === 0) throw new ProblemError('history', 'no collector is connected');
      return { status: 'ready' as const };
    },
  });
}

function statusRoute({ history, status, limits: { rows } }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/status',
    summary: 'The server, its history, and who asks.',
    role: 'read',
    answer: z.strictObject({
      version: z.string(),
      watermark: time.exactOptional().describe('Up to here everything is in the history.'),
      read_only: z.boolean(),
      collectors: z.int(),
      limits: z.strictObject({ rows: z.int().describe('Rows of an answer.') }),
      you: z.strictObject({ name: z.string(), role: z.enum(roles) }),
    }),
    handle: ({ principal: { name, role } }) => {
      const { watermark, readOnly } = history;
      const { version, collectors } = status();
      const known = watermark === undefined ? {} : { watermark: timeText(watermark) };
      return { version, ...known, read_only: readOnly, collectors, limits: { rows }, you: { name, role } };
    },
  });
}
