/** The rows of a batch, table by table. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import { type Batch, type LossRow, segmentTables, type TableColumns } from '../schema/index.js';
import type { AnyRow } from './column-writer.js';

/** @throws OptionError for a batch that no collector would send. */
export function checkBatch({ epoch, number }: Batch): void {
  if (!/^[0-9a-f]{32}$/.test(epoch)) throw new OptionError('epoch: expected 32 hexadecimal digits');
  if (!Number.isSafeInteger(number) || number < 1)
    throw new OptionError('number: expected a number of a batch, from 1');
}

/** The rows of a batch by table, with its own row in `batches`; as columns where it has them so. @param losses All of them. */
export function rowsOf(
  batch: Batch,
  losses: readonly LossRow[],
): ReadonlyMap<string, readonly AnyRow[] | TableColumns> {
  const rows = new Map<string, readonly object[] | TableColumns>();
  for (const table of segmentTables) rows.set(table, batch.columns?.[table] ?? batch[table] ?? []);
  rows
    .set('hosts', batch.hosts ?? [])
    .set('losses', losses)
    .set('batches', [batch]);
  return rows as ReadonlyMap<string, readonly AnyRow[] | TableColumns>;
}
