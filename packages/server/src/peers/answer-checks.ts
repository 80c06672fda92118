/** Checks answers of other hosts: what is none must not be taken for one. Pure. */

import { SUM_COUNT } from '@weir/history/merge';
import {
  type Columns,
  endColumns,
  hostColumns,
  intervalColumns,
  lossColumns,
  openColumns,
} from '@weir/history/schema';
import { z } from 'zod';
import type { PartAnswers, PartName } from './history-part.js';
import { MAX_IDS } from './peer-protocol.js';

/** JavaScript types of the values of columns. */
const valueTypes = {
  ...{ time: 'bigint', id: 'bigint', clock: 'number', count: 'number', u32: 'number', u16: 'number' },
  ...{ text: 'string', name: 'string', flag: 'boolean', address: 'undefined' },
} as const;

/** @param more Properties of rows that are no columns: numbers. */
function rowsOf(columns: Columns, more: readonly string[] = []) {
  const isRow = (row: unknown): boolean => {
    if (typeof row !== 'object' || row === null) return false;
    const values = row as Record<string, unknown>;
    const known = Object.entries(columns).every(([name, { kind, optional }]) => {
      const value = values[name];
      return typeof value === valueTypes[kind] || (value === undefined && optional);
    });
    return (
      known &&
      Object.keys(values).every(
        (name) => Object.hasOwn(columns, name) || (more.includes(name) && typeof values[name] === 'number'),
      )
    );
  };
  return z.array(z.custom<never>(isRow, 'a row is none of this table'));
}

const range = z.strictObject({ from: z.bigint(), to: z.bigint() });
const count = z.number().min(0);
const sums = z.array(z.number()).length(SUM_COUNT);
const key = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
const text = z.union([z.string(), z.null()]);
const ids = z.array(z.bigint()).max(MAX_IDS);

function answerOf<T extends z.ZodType>(result: T) {
  return z.strictObject({ range, losses: rowsOf(lossColumns), unrecorded: z.array(range), result });
}

const node = z.strictObject({ kind: z.enum(['group', 'address', 'network']), name: text });
const percentiles = z.array(z.union([z.number(), z.null()]));

/** What each question is answered with. */
const answerSchemas: Readonly<Record<PartName, z.ZodType>> = {
  connections: answerOf(z.strictObject({ rows: rowsOf(endColumns), next: z.string().max(200).optional() })),
  openAt: answerOf(z.strictObject({ rows: rowsOf(openColumns, ['send_rate', 'receive_rate']), count })),
  connection: answerOf(
    z.strictObject({
      ends: rowsOf(endColumns),
      opens: rowsOf(openColumns),
      intervals: rowsOf(intervalColumns),
    }),
  ),
  losses: answerOf(z.null()),
  hosts: rowsOf(hostColumns),
  sides: answerOf(
    z.strictObject({
      ...{ clients: ids, servers: ids, nodes: z.array(count), names: z.array(text), isCut: z.boolean() },
    }),
  ),
  sums: answerOf(
    z.strictObject({
      groups: z.array(z.strictObject({ key, step: z.bigint().optional(), sums })),
      ...{ count, total: sums },
    }),
  ),
  edges: answerOf(
    z.strictObject({
      edges: z.array(
        z.strictObject({
          ...{ from: node, to: z.union([node, z.int().min(0)]), port: count, sums, last: z.bigint() },
        }),
      ),
      count,
    }),
  ),
  percentiles: answerOf(
    z.object({
      groups: z.array(
        z.object({
          key,
          percentiles: z
            .strictObject({ handshake_us: percentiles, srtt_us: percentiles, duration_us: percentiles })
            .optional(),
        }),
      ),
    }),
  ),
};

/** The answer to a question. @throws ZodError for what is none */
export function checkedAnswer<Name extends PartName>(name: Name, answer: unknown): PartAnswers[Name] {
  return answerSchemas[name].parse(answer) as PartAnswers[Name];
}
