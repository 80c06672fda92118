/** The rows of a batch, table by table. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import type { Batch } from '../schema/index.js';
import type { AnyRow } from './column-writer.js';

/** @throws OptionError for a batch that no collector would send. */
export function checkBatch({ epoch, number }: Batch): void {
  if (!/^[0-9a-f]{32}$/.test(epoch)) throw new OptionError('epoch: expected 32 hexadecimal digits');
  if (!Number.isSafeInteger(number) || number < 1)
    throw new OptionError('number: expected a number of a batch, from 1');
}

/** The rows of a batch by table, with its own row in `batches`. */
export function rowsOf(batch: Batch): Readonly<Record<string, readonly AnyRow[] | undefined>> {
  const { hosts, ends, intervals, opens, losses } = batch;
  return { hosts, ends, intervals, opens, losses, batches: [{ ...batch }] } as Record<
    string,
    readonly AnyRow[]
  >;
}
