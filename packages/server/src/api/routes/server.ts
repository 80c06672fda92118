/** The server itself: whether it works, and what it is. */
import type { ReadingStatus, ShippingStatus } from '@weir/history/clickhouse';
import { timeText } from '@weir/history/rows';
import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { roles } from '../../auth/roles.js';
import { type Route, route } from '../route.js';
import { time } from '../schemas/values.js';
import type { RouteServices, ServerDetails } from '../services.js';

const exporterJson = z
  .strictObject({
    name: z.string(),
    type: z.string(),
    sent: z.int().describe('Records that the receiver has, as far as its protocol says so.'),
    waiting: z.int(),
    dropped: z.int().describe('Records for which there was no room.'),
    refused: z.int().describe('Records that the receiver refused for good.'),
    repeated: z.int().describe('Records sent again, as it was not known whether they had arrived.'),
    problem: z.string().exactOptional().describe('Why the receiver takes none now.'),
    metrics: z
      .strictObject({
        sent: z.int().describe('Requests that the receiver took.'),
        failed: z.int(),
        refused: z.int().describe('Points that the receiver refused.'),
        problem: z.string().exactOptional().describe('Why the last request failed.'),
      })
      .exactOptional()
      .describe('What was sent of metrics, which do not wait; absent where none are.'),
  })
  .describe('Counts of this run of the server.');

/** What is shipped to ClickHouse. */
const shippingAnswer = z.strictObject({
  target: z.string(),
  state: z.enum(['connecting', 'shipping', 'retrying']),
  waiting_segments: z.int(),
  waiting_rows: z.int(),
  shipped_rows: z.int().describe('Since the server began.'),
  lost_rows: z.int().describe('Removed before they were shipped, since the server began.'),
  last: time.exactOptional().describe('When all that waited was shipped.'),
  problem: z.string().exactOptional(),
});

/** The database that is read. */
const readingAnswer = z.strictObject({
  target: z.string(),
  state: z.enum(['connecting', 'reading', 'failing']),
  problem: z.string().exactOptional(),
});

/** The server, and who asks. */
export const statusAnswer = z.strictObject({
  version: z.string(),
  watermark: time.exactOptional().describe('Up to here everything is in the history.'),
  read_only: z.boolean(),
  collectors: z.int(),
  exporters: z.array(exporterJson).exactOptional().describe('What is sent elsewhere; absent: nothing.'),
  balancer: z.boolean().describe('Whether there is a balancer, or was one in what is kept.'),
  limits: z.strictObject({ rows: z.int().describe('Rows of an answer.') }),
  shipping: shippingAnswer.exactOptional().describe('Absent where nothing is shipped to ClickHouse.'),
  peers: z
    .array(
      z.strictObject({
        name: z.string(),
        host: z.string().exactOptional().describe('The name of the host, once it has answered.'),
        problem: z.string().exactOptional().describe('Why it did not answer the last question.'),
      }),
    )
    .exactOptional()
    .describe('Other hosts that are asked; absent where none are.'),
  reading: readingAnswer
    .exactOptional()
    .describe('The ClickHouse that is read; absent where the history is of this server.'),
  you: z.strictObject({ name: z.string(), role: z.enum(roles) }),
});

/** How it is configured, and what it has. */
export const serverAnswer = z.strictObject({
  listen: z.array(z.string()).describe('URLs of the API.'),
  record: z
    .strictObject({
      filter: z.string().exactOptional(),
      udp: z.boolean(),
      enrichment: z.boolean(),
      names: z.boolean(),
      max_connections: z.int(),
    })
    .exactOptional()
    .describe('Absent where nothing is recorded.'),
  retention: z.strictObject({ seconds: z.number(), bytes: z.number() }).exactOptional(),
  reading: readingAnswer.exactOptional(),
  limits: z.strictObject({
    rows: z.int().describe('Rows of an answer.'),
    seconds: z.number().describe('Time of a question.'),
    queries: z.int().describe('Questions at a time.'),
    waiting: z.int().describe('Questions that wait for those.'),
    streams: z.int().describe('Clients of the live stream.'),
  }),
  history: z
    .strictObject({
      begins: time.exactOptional(),
      segments: z.int(),
      segment_bytes: z.int(),
      database_bytes: z.int(),
      free_bytes: z.int().describe('Free on its disk.'),
    })
    .exactOptional(),
  collectors: z.array(
    z.strictObject({
      version: z.string(),
      hooks: z
        .array(
          z.strictObject({
            purpose: z.string(),
            hook: z.string().exactOptional().describe('Absent: there is none.'),
            blind: z.array(z.string()).describe('What it cannot see.'),
          }),
        )
        .exactOptional(),
      problems: z.array(z.string()).exactOptional().describe('Details that are not to be had.'),
    }),
  ),
});

/** Routes about the server. */
export function serverRoutes(services: RouteServices): Route[] {
  return [healthRoute(), readyRoute(services), statusRoute(services), detailsRoute(services)];
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
      const { collectors, reading } = status();
      if (reading !== undefined) {
        if (reading.state !== 'reading')
          throw new ProblemError('history', reading.problem ?? `${reading.target} was not asked yet`);
        return { status: 'ready' as const };
      }
      if (history.readOnly) throw new ProblemError('history', 'the disk of the history can only be read');
      if (collectors === 0) throw new ProblemError('history', 'no collector is connected');
      return { status: 'ready' as const };
    },
  });
}

function statusRoute({ history, status, balancers, peers = [], limits: { rows } }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/status',
    summary: 'The server, its history, and who asks.',
    role: 'read',
    answer: statusAnswer,
    handle: ({ principal: { name, role } }) => {
      const { watermark, readOnly } = history;
      const { version, collectors, exporters = [], shipping, reading } = status();
      const known = watermark === undefined ? {} : { watermark: timeText(watermark) };
      return {
        version,
        ...known,
        read_only: readOnly,
        collectors,
        ...(exporters.length > 0 && { exporters: [...exporters] }),
        balancer: balancers?.history.isKnown ?? false,
        limits: { rows },
        ...(shipping !== undefined && { shipping: shippingOf(shipping) }),
        ...(peers.length > 0 && {
          peers: peers.map(({ name: peer, host, problem }) => ({
            name: peer,
            ...(host !== undefined && { host }),
            ...(problem !== undefined && { problem }),
          })),
        }),
        ...(reading !== undefined && { reading: readingOf(reading) }),
        you: { name, role },
      };
    },
  });
}

function readingOf({ target, state, problem }: ReadingStatus) {
  return { target, state, ...(problem !== undefined && { problem }) };
}

function shippingOf({ target, state, waiting, shipped, lostRows, lastMs, problem }: ShippingStatus) {
  return {
    target,
    state,
    waiting_segments: waiting.segments,
    waiting_rows: waiting.rows,
    shipped_rows: shipped.rows,
    lost_rows: lostRows,
    ...(lastMs !== undefined && { last: timeText(BigInt(lastMs) * 1_000_000n) }),
    ...(problem !== undefined && { problem }),
  };
}

function recordOf({ maxConnections, ...recorded }: NonNullable<ServerDetails['record']>) {
  return { ...recorded, max_connections: maxConnections };
}

function detailsRoute({ history: own, details, limits }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/server',
    summary: 'How the server is configured, how much its history has, and what collectors see.',
    role: 'read',
    isQuery: true,
    answer: serverAnswer,
    handle: async () => {
      if (details === undefined) throw new ProblemError('unavailable', 'there is no configuration');
      const { listen, record, retention, reading, collectors } = details();
      const { rows, timeMs, queries, waiting, streams } = limits;
      const status = await own.status?.();
      return {
        listen: [...listen],
        ...(record !== undefined && { record: recordOf(record) }),
        ...(retention !== undefined && {
          retention: { seconds: retention.age / 1000, bytes: retention.size },
        }),
        ...(reading !== undefined && { reading: readingOf(reading) }),
        limits: { rows, seconds: timeMs / 1000, queries, waiting, streams },
        ...(status && {
          history: {
            ...(status.begins !== undefined && { begins: timeText(status.begins) }),
            segments: status.segments,
            segment_bytes: status.segmentBytes,
            database_bytes: status.databaseBytes,
            free_bytes: status.freeBytes,
          },
        }),
        collectors: collectors.map(({ version, view }) => ({ version, ...view })),
      };
    },
  });
}
