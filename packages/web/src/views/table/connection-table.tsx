/** Connections, one a row. */
import type { ComponentChildren, VNode } from 'preact';
import { useCallback, useRef, useState } from 'preact/hooks';
import type { EndedConnection } from '../../api/api-types.js';
import { formatMany } from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { changePage, currentFilter, linkTo, viewParameter } from '../../state/page-state.js';
import { areaOf, type CellSelection, selectCell } from '../../table/cell-selection.js';
import { Grid, type GridColumn } from '../../table/grid.js';
import { isNarrow } from '../../table/narrow.js';
import type { RowWindow } from '../../table/row-window.js';
import { chosenColumns, resizeChosen } from './chosen-columns.js';
import { ConnectionCard, ConnectionCell, connectionLink } from './connection-cell.js';
import { fieldValue, isBad } from './connection-columns.js';
import { CopyButton } from './copy-button.js';
import { copyCells } from './copy-cells.js';
import { toggleTerm, valueTerm } from './facet-terms.js';
import { nextOrder, sortedColumn, sortShown } from './sort-columns.js';
import type { TableOrder, TableRows } from './use-rows.js';

/** How the rows are sorted, in the link. */
export const sortParameter = viewParameter('sort', 'newest');

/** The order of the rows. */
export function sortOrder(): TableOrder {
  const order = sortParameter.value.value;
  return order === 'oldest' || sortedColumn(order) !== undefined ? order : 'newest';
}

const ROW_HEIGHT = 28;
const CARD_HEIGHT = 56;
const LONG_RANGE_MS = 20 * 3_600_000;
const firstCell = selectCell({ row: 0, column: 0 });

/** What the table has. */
export interface ConnectionTableProps {
  readonly rows: TableRows;
  /** Says whether somebody has moved away from the first row. */
  readonly onMove: (isAway: boolean) => void;
}

/** Shows it. */
export function ConnectionTable({ rows, onMove }: ConnectionTableProps): VNode {
  const { list, range, content } = rows;
  const columns = chosenColumns.value;
  const isCards = isNarrow.value;
  const order = sortOrder();
  const [state, setState] = useState({ content, selection: firstCell });
  const [message, setMessage] = useState('');
  const selection = state.content === content ? state.selection : firstCell;
  const inSight = useRef(0);
  const isLong = range !== undefined && range.to - range.from > LONG_RANGE_MS;
  const report = (first: number, { active, anchor }: CellSelection) =>
    onMove(first > 0 || active.row > 0 || active !== anchor);
  const onWindow = useCallback(
    ({ first, end }: RowWindow) => {
      list.want(first, end);
      inSight.current = first;
      report(first, selection);
    },
    [rows, selection],
  );
  const onSelect = (next: CellSelection) => {
    setState({ content, selection: next });
    setMessage('');
    report(inSight.current, next);
  };
  const copy = async () => {
    const { firstRow, lastRow, firstColumn, lastColumn } = areaOf(selection);
    const read = await list.rows(Math.max(0, firstRow), lastRow + 1);
    const chosen = isCards ? columns : columns.slice(firstColumn, lastColumn + 1);
    const cells = read.map((row) => chosen.map(({ value }) => value(row)));
    setMessage(
      await copyCells(
        chosen.map(({ title }) => title),
        cells,
      ),
    );
  };
  const open = (row: number) => {
    const connection = list.row(row);
    if (connection?.flow_id !== undefined)
      changePage({ view: 'connection', parameters: { id: connection.flow_id } });
  };
  const gridColumns: GridColumn[] = isCards
    ? [{ id: 'connection', title: 'Connection', width: 100 }]
    : columns.map(({ id, title, width, kind }) => ({
        ...{ id, title, width },
        isNumber: ['bytes', 'duration', 'count', 'number'].includes(kind),
        sort: sortShown(id, order),
      }));
  const cell = (row: number, column: number): ComponentChildren => {
    const connection = list.row(row);
    if (connection === undefined) return undefined;
    if (isCards) return <ConnectionCard connection={connection} isLong={isLong} />;
    return <ConnectionCell column={columns[column]!} connection={connection} isLong={isLong} />;
  };
  return (
    <>
      <Grid
        label="Connections"
        rowCount={list.total}
        rowHeight={isCards ? CARD_HEIGHT : ROW_HEIGHT}
        columns={gridColumns}
        cell={cell}
        rowClass={(row) => {
          const connection = list.row(row);
          return connection !== undefined && isBad(connection) ? 'is-failed' : '';
        }}
        isCards={isCards}
        content={content}
        selection={selection}
        onSelect={onSelect}
        onWindow={onWindow}
        onOpen={open}
        onSort={(id) => sortParameter.set(nextOrder(id, order))}
        onResize={resizeChosen}
        onCopy={() => void copy()}
      />
      <SelectionBar
        connection={list.row(selection.active.row)}
        selection={selection}
        isCards={isCards}
        message={message}
        onCopy={() => void copy()}
      />
    </>
  );
}

/** What can be done with the cell that is selected. */
function SelectionBar({
  connection,
  selection,
  isCards,
  message,
  onCopy,
}: {
  readonly connection: EndedConnection | undefined;
  readonly selection: CellSelection;
  readonly isCards: boolean;
  readonly message: string;
  readonly onCopy: () => void;
}): VNode {
  const { firstRow, lastRow } = areaOf(selection);
  const column = chosenColumns.value[selection.active.column];
  const count = lastRow - firstRow + 1;
  const value = connection === undefined || column === undefined ? null : fieldValue(column, connection);
  const term = (isWithout: boolean) =>
    column?.field === undefined || connection === undefined || isCards
      ? undefined
      : valueTerm(column.field, value, isWithout);
  const [only, without] = [term(false), term(true)];
  const filterLink = (text: string) => linkTo({ filter: toggleTerm(currentFilter.value, text) });
  const link = connection === undefined ? undefined : connectionLink(connection);
  return (
    <div class="table-selection">
      {count > 1 ? (
        <span>{formatMany(count, 'row')} selected</span>
      ) : (
        !isCards &&
        column !== undefined &&
        connection !== undefined && (
          <span class="table-value">
            <span class="muted">{column.title}</span> <Name name={value} />
          </span>
        )
      )}
      {count === 1 && only !== undefined && <a href={filterLink(only)}>Only this</a>}
      {count === 1 && without !== undefined && <a href={filterLink(without)}>Without this</a>}
      {count === 1 && link !== undefined && <a href={link}>Open</a>}
      <CopyButton disabled={connection === undefined} message={message} onCopy={onCopy} />
    </div>
  );
}
