/** What servers of Weir ask each other: one path, a version, and the questions of {@link HistoryPart}. */
import { connectionSorts, type MeasureOrder, measureOrders } from '@weir/history/query';
import { MAX_FILTER_LENGTH } from '@weir/tracer/filter';
import { z } from 'zod';
import type { PartName, PartQuestions } from './history-part.js';

/** The version of questions and answers. Servers of different ones do not ask each other. */
export const PEER_PROTOCOL = 1;

/** The path of questions, below the API's. */
export const PEER_PATH = '/peer';

/** The longest body of a question, bytes: it may have the numbers of many connections. */
export const MAX_QUESTION_BYTES = 16_000_000;

/** Numbers of connections that are joined, at most, for each side and host. */
export const MAX_IDS = 200_000;

/** The same of all hosts together. */
export const MAX_ALL_IDS = 1_000_000;

/** Groups that are added up, at most, for each host. */
export const MAX_GROUPS = 20_000;

const range = z.strictObject({ from: z.bigint(), to: z.bigint() });
const filtered = { range, filter: z.string().max(MAX_FILTER_LENGTH).exactOptional() };
const ids = z
  .array(
    z
      .bigint()
      .min(0n)
      .max(2n ** 64n - 1n),
  )
  .max(2 * MAX_IDS);
const counted = {
  ...filtered,
  without: z.strictObject({ clients: ids, servers: ids }).exactOptional(),
};
const name = z.string().max(50);
const fields = z.array(name).max(50);
const limit = z.int().min(1).max(110_000);
const order = z.enum(Object.keys(measureOrders) as [MeasureOrder, ...MeasureOrder[]]);
const keys = z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))).max(1000);

/** What each question may say. */
export const questionSchemas: { readonly [Name in PartName]: z.ZodType<PartQuestions[Name]> } = {
  connections: z.strictObject({
    ...filtered,
    order: z.enum(['newest', 'oldest', ...connectionSorts]),
    limit,
    cursor: z.string().max(200).exactOptional(),
  }),
  openAt: z.strictObject({
    at: z.bigint(),
    filter: filtered.filter,
    limit,
    figures: z.enum(['look', 'moment']),
  }),
  connection: z.strictObject({
    range,
    key: z.union([
      z.strictObject({ flow: z.strictObject({ ns: z.bigint(), cpu: z.int().min(0) }) }),
      z.strictObject({ connectionId: z.bigint() }),
    ]),
  }),
  losses: z.strictObject({ range }),
  hosts: z.strictObject({}),
  sides: z.strictObject({ ...filtered, node: name.exactOptional(), limit: z.int().min(1).max(MAX_IDS) }),
  sums: z.strictObject({
    ...counted,
    by: fields,
    step: z.bigint().exactOptional(),
    order,
    limit: z.int().min(1).max(200_000),
    keys: keys.exactOptional(),
  }),
  edges: z.strictObject({
    ...counted,
    by: name,
    networks: z.array(z.string().max(100)).max(100),
    order,
    limit,
    elsewhere: z.strictObject({ ids, nodes: z.array(z.int().min(0)).max(MAX_IDS) }),
  }),
  percentiles: z.strictObject({
    ...counted,
    by: fields,
    order,
    percentiles: z.array(z.number().min(0).max(1)).max(8),
    keys,
  }),
};

/** The body of a question. */
export const questionBody = z.strictObject({
  protocol: z.int(),
  question: z.enum(Object.keys(questionSchemas) as [PartName, ...PartName[]]),
  query: z.unknown(),
});

/** The body of an answer. */
export const answerBody = z.object({
  protocol: z.int(),
  host: z.string().max(300).describe('Name of the host.'),
  answer: z.unknown(),
});
