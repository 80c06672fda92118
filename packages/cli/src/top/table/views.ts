/** The views, and the rows of each that are to be shown, in order. */
import type { OpenSocket } from '@weir/tracer';
import { socketSubject } from '../filter/subject.js';
import type { TopFilter } from '../filter/top-filter.js';
import { type Enrichment, noEnrichment } from '../model/enrichment.js';
import type { Frame } from '../model/frame.js';
import { byPeer, byProcess } from '../model/groups.js';
import { processKey } from '../model/process-key.js';
import type { ShownConnection } from '../model/shown-connection.js';
import type { Column, ColumnShape } from './column.js';
import { connectionColumns } from './connections.js';
import type { Context } from './context.js';
import { peerColumns, processColumns } from './group-columns.js';
import { listeningColumns } from './listening.js';
import { SortedRows } from './sorted-rows.js';

export const viewNames = ['connections', 'processes', 'peers', 'listening'] as const;
export type ViewName = (typeof viewNames)[number];

export interface Sort {
  /** Id of a column. */
  readonly column: string;
  readonly descending: boolean;
}

export interface Query {
  readonly filter: TopFilter;
  readonly sort: Sort;
}

/** Identifies a row from refresh to refresh. */
export type RowKey = number | string;

/** The rows of a view, in order. */
export interface Sheet {
  readonly columns: readonly ColumnShape[];
  readonly size: number;
  key(index: number): RowKey;
  /** The place of a row; -1 if there is no such row (any more). */
  indexOf(key: RowKey): number;
  text(index: number, column: ColumnShape): string;
  /** The connection of a row, in the view of connections. */
  connection(index: number): ShownConnection | undefined;
  /** A filter for the connections that belong to the row. */
  drillDown(index: number): string | undefined;
}

interface Parts<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly sort: Sort;
  readonly key: (row: Row) => RowKey;
  readonly connection?: (row: Row) => ShownConnection;
  readonly drillDown?: (row: Row) => string | undefined;
}

/** The sheet of a view. */
export function sheetOf(
  view: ViewName,
  frame: Frame,
  { filter, sort }: Query,
  enrichment: Enrichment,
): Sheet {
  const context: Context = { enrichment, nowNs: frame.nowNs };
  const isPast = frame.past !== undefined;
  if (view === 'listening') {
    const { sockets = [] } = frame;
    const matches = (socket: OpenSocket) => filter.matches(socketSubject(socket), context);
    return sheet({
      columns: listeningColumns(context),
      rows: filter.isEmpty ? sockets : sockets.filter(matches),
      sort,
      key: ({ transport, netns, cookie, local, peer }) =>
        `${transport} ${netns} ${cookie} ${local.port} ${peer?.port}`,
      drillDown: ({ transport, local }) => `proto:${transport} lport:${local.port}`,
    });
  }
  const live = filter.isEmpty
    ? frame.connections
    : frame.connections.filter((connection) => filter.matches(connection, context));
  if (view === 'connections') {
    return sheet({
      columns: connectionColumns(context),
      rows: live,
      sort,
      key: ({ id }) => id,
      connection: (row) => row,
    });
  }
  const ended = filter.isEmpty ? frame.ended : frame.ended?.filter((sum) => filter.matches(sum, context));
  if (view === 'processes') {
    return sheet({
      columns: processColumns(context, isPast),
      rows: byProcess(live, ended),
      sort,
      key: ({ process }) => processKey(process),
      drillDown: ({ process }) => (process === undefined ? undefined : `pid:${process.pid}`),
    });
  }
  return sheet({
    columns: peerColumns(context, isPast),
    rows: byPeer(live, ended),
    sort,
    key: (row) => `${row.address} ${row.interface ?? ''}`,
    drillDown: (row) =>
      `peer:${row.address}${row.interface === undefined ? '' : ` interface:"${row.interface}"`}`,
  });
}

/** The columns of a view, for help, for `--sort` and for choosing one by key. */
export function columnsOf(view: ViewName, isPast: boolean): readonly ColumnShape[] {
  const context: Context = { enrichment: noEnrichment, nowNs: 0 };
  switch (view) {
    case 'connections':
      return connectionColumns(context);
    case 'processes':
      return processColumns(context, isPast);
    case 'peers':
      return peerColumns(context, isPast);
    case 'listening':
      return listeningColumns(context);
  }
}

export function defaultSort(view: ViewName): Sort {
  return view === 'listening' ? { column: 'local', descending: false } : { column: 'rate', descending: true };
}

function sheet<Row>(parts: Parts<Row>): Sheet {
  const { columns, sort, key, connection, drillDown } = parts;
  const column = columns.find(({ id }) => id === sort.column);
  // Rows of the same rate, or of none, are sorted by the bytes that they have moved.
  const bytes = sort.column === 'rate' ? columns.find(({ id }) => id === 'bytes') : undefined;
  const rows = new SortedRows(parts.rows, column, sort.descending, bytes);
  const byId = new Map(columns.map((item) => [item.id, item]));
  return {
    columns,
    size: rows.size,
    key: (index) => key(rows.at(index)),
    indexOf: (wanted) => rows.indexOf((row) => key(row) === wanted),
    text: (index, { id }) => byId.get(id)!.text(rows.at(index)),
    connection: (index) => (index < rows.size ? connection?.(rows.at(index)) : undefined),
    drillDown: (index) => (index < rows.size ? drillDown?.(rows.at(index)) : undefined),
  };
}
