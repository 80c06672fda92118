/** The rows of `ends` in a history as a file that other databases load. */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { currentSchema, endColumns, tableColumns } from '@weir/history/schema';
import type { CsvColumn } from './peer-databases.js';
import type { Span } from './questions.js';

const types: Readonly<Record<string, string>> = {
  time: 'bigint',
  clock: 'bigint',
  id: 'text',
  count: 'bigint',
  u32: 'bigint',
  u16: 'integer',
};

/** Columns of the file. Addresses are there as text alone, times as numbers. */
export const csvColumns: readonly CsvColumn[] = Object.entries(endColumns)
  .filter(([, { kind }]) => kind !== 'address')
  .map(([name, { kind }]) => ({ name: name === 'time' ? 'time_ns' : name, type: types[kind] ?? 'text' }));

/** @returns how many rows there are. */
export async function writeCsv(segments: string, { from, to }: Span, file: string): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' });
  const connection = await instance.connect();
  const columns = csvColumns.map(({ name, type }) => {
    if (name === 'time_ns') return 'epoch_ns(time)';
    return type === 'text' && name.endsWith('_id') && endColumns[name as 'host_id'].kind === 'id'
      ? `lpad(lower(hex(${name})), 16, '0')`
      : name;
  });
  const { compact, version } = currentSchema;
  const result = await connection.run(
    `COPY (SELECT ${columns} FROM (SELECT ${tableColumns(compact, 'ends', endColumns, version)}
         FROM read_parquet('${join(segments, 'ends-*.parquet')}'))
       WHERE time >= make_timestamp_ns(${from}) AND time < make_timestamp_ns(${to}))
     TO '${file}' (FORMAT csv, HEADER false)`,
  );
  const rows = Number(result.rowsChanged);
  connection.closeSync();
  instance.closeSync();
  return rows;
}
