/** The tables of the history, as the database describes them. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { askSql } from '../../api/client.js';
import type { SqlTable } from './sql-completion.js';

const COLUMNS = `SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_catalog = 'temp' ORDER BY table_name, ordinal_position`;
const MOST_COLUMNS = 1000;

/** The tables; none while they are not known. @param mayAsk Whether the role allows SQL */
export function useTables(mayAsk: boolean): readonly SqlTable[] {
  const tables = useSignal<readonly SqlTable[]>([]);
  useEffect(() => {
    if (!mayAsk) return;
    const controller = new AbortController();
    askSql(COLUMNS, MOST_COLUMNS, { signal: controller.signal }).then(
      ({ rows }) => {
        tables.value = tablesOf(rows);
      },
      // Without them, nothing but keywords is completed.
      () => {},
    );
    return () => controller.abort();
  }, [mayAsk, tables]);
  return tables.value;
}

function tablesOf(rows: readonly (readonly unknown[])[]): SqlTable[] {
  const byName = new Map<string, SqlTable['columns'][number][]>();
  for (const [table, name, type] of rows) {
    const columns = byName.get(String(table)) ?? [];
    columns.push({ name: String(name), type: String(type) });
    byName.set(String(table), columns);
  }
  return [...byName].map(([name, columns]) => ({ name, columns }));
}
