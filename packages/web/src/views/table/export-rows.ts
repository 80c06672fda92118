/** Connections as a file, page by page. Pure. */
import type { EndedConnection } from '../../api/api-types.js';
import type { ConnectionColumn } from './connection-columns.js';
import { csvLine } from './table-text.js';

/** A file that the page makes itself has at most so many connections: Parquet, which the server makes, has them all. */
export const MOST_EXPORTED = 100_000;
const PAGE_ROWS = 5_000;

/** What is asked for a page. */
export type ReadExportPage = (
  limit: number,
  cursor: string | undefined,
) => Promise<{ readonly connections: readonly EndedConnection[]; readonly next?: string }>;

/** How a file is written. */
export interface ExportFormat {
  readonly type: string;
  readonly extension: string;
  readonly head: string;
  readonly between: string;
  readonly tail: string;
  readonly write: (connection: EndedConnection) => string;
}

/** Columns of the table, with their names in the first line. */
export function csvFormat(columns: readonly ConnectionColumn[]): ExportFormat {
  return {
    ...{ type: 'text/csv;charset=utf-8', extension: 'csv', between: '', tail: '' },
    head: csvLine(columns.map(({ id }) => id)),
    write: (connection) => csvLine(columns.map(({ value }) => value(connection))),
  };
}

/** All that the API says about connections. */
export const jsonFormat: ExportFormat = {
  ...{ type: 'application/json', extension: 'json', head: '[\n', between: ',\n', tail: '\n]\n' },
  write: (connection) => JSON.stringify(connection),
};

/** An exported file. */
export interface ExportedRows {
  readonly parts: readonly string[];
  readonly rows: number;
  /** There are more, which the file does not have. */
  readonly isCut: boolean;
}

/** Reads the connections, and writes them. @param onRows Called with how many there are by now */
export async function exportRows(
  readPage: ReadExportPage,
  { head, between, tail, write }: ExportFormat,
  onRows: (rows: number) => void,
  most = MOST_EXPORTED,
): Promise<ExportedRows> {
  const parts = [head];
  let rows = 0;
  let cursor: string | undefined;
  do {
    const page = await readPage(Math.min(PAGE_ROWS, most - rows), cursor);
    const lines = page.connections.map(write).join(between);
    if (lines !== '') parts.push(rows > 0 ? between : '', lines);
    rows += page.connections.length;
    cursor = page.next;
    onRows(rows);
  } while (cursor !== undefined && rows < most);
  return { parts: [...parts, tail], rows, isCut: cursor !== undefined };
}
