/** The connections that were open at the end of the range, one a row. */
import type { ComponentChildren, VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { useAnswer } from '../../api/use-answer.js';
import { formatCount } from '../../format/number-text.js';
import { formatTime, parseApiTime } from '../../format/time-text.js';
import { isLive, pageRange } from '../../state/page-range.js';
import { changePage, currentFilter, viewParameter } from '../../state/page-state.js';
import { areaOf, selectCell } from '../../table/cell-selection.js';
import { Grid, type GridColumn } from '../../table/grid.js';
import { isNarrow } from '../../table/narrow.js';
import { CopyButton } from './copy-button.js';
import { copyCells } from './copy-cells.js';
import { OpenCard, OpenCell } from './open-cell.js';
import { nextOpenOrder, openColumns, readOpenOrder, sortOpen } from './open-columns.js';

/** How open connections are sorted, in the link; empty where those that ended are shown. */
export const openParameter = viewParameter('open');

/** So many are asked for at once. */
const MOST_OPEN = 10_000;
const ROW_HEIGHT = 28;
const CARD_HEIGHT = 56;
const firstCell = selectCell({ row: 0, column: 0 });
const numberKinds: readonly string[] = ['number', 'bytes', 'rate', 'duration', 'count'];

/** Shows them. @param toolbar Made with what is said about the rows */
export function OpenTable({ toolbar }: { readonly toolbar: (said: ComponentChildren) => VNode }): VNode {
  const orderText = openParameter.value.value;
  const order = readOpenOrder(orderText);
  const range = pageRange.value;
  const filter = currentFilter.value;
  const [, at] = range?.text.split('..') ?? [];
  const { answer, problem } = useAnswer(
    'open-at',
    at === undefined ? undefined : { at, filter, figures: 'moment', limit: MOST_OPEN },
  );
  const rows = useMemo(() => sortOpen(answer?.connections ?? [], order), [answer, orderText]);
  const content = JSON.stringify([range?.asked, filter, orderText]);
  const [state, setState] = useState({ content, selection: firstCell });
  const [message, setMessage] = useState('');
  const selection = state.content === content ? state.selection : firstCell;
  const isCards = isNarrow.value;
  const columns: GridColumn[] = isCards
    ? [{ id: 'connection', title: 'Connection', width: 100 }]
    : openColumns.map(({ id, title, width, kind }) => ({
        ...{ id, title, width, isNumber: numberKinds.includes(kind) },
        sort: order.column?.id !== id ? 'none' : order.isDescending ? 'descending' : 'ascending',
      }));
  const copy = async () => {
    const { firstRow, lastRow, firstColumn, lastColumn } = areaOf(selection);
    const chosen = isCards ? openColumns : openColumns.slice(firstColumn, lastColumn + 1);
    const cells = rows
      .slice(Math.max(0, firstRow), lastRow + 1)
      .map((row) => chosen.map(({ value }) => value(row)));
    setMessage(
      await copyCells(
        chosen.map(({ title }) => title),
        cells,
      ),
    );
  };
  const open = (row: number) => {
    const id = rows[row]?.flow_id;
    if (id !== undefined) changePage({ view: 'connection', parameters: { id } });
  };
  const said =
    answer === undefined ? (
      '…'
    ) : (
      <>
        {formatCount(answer.count)} open {isLive.value ? 'now' : `at ${formatTime(parseApiTime(answer.at))}`}
        {answer.count > rows.length && `, the oldest ${formatCount(rows.length)} of them here`}
      </>
    );
  return (
    <>
      {toolbar(said)}
      {problem !== undefined && problem.status !== 0 && <p class="notice is-bad">{problem.message}</p>}
      {answer?.count === 0 && (
        <p class="notice">
          {filter === '' ? 'Nothing was open then.' : 'Nothing that was open then meets the filter.'}
        </p>
      )}
      <Grid
        label="Open connections"
        rowCount={rows.length}
        rowHeight={isCards ? CARD_HEIGHT : ROW_HEIGHT}
        columns={columns}
        cell={(row, column) => {
          const connection = rows[row];
          if (connection === undefined) return undefined;
          if (isCards) return <OpenCard connection={connection} />;
          return <OpenCell column={openColumns[column]!} connection={connection} />;
        }}
        isCards={isCards}
        content={content}
        selection={selection}
        onSelect={(next) => {
          setState({ content, selection: next });
          setMessage('');
        }}
        onOpen={open}
        onSort={(id) => openParameter.set(nextOpenOrder(id, order))}
        onCopy={() => void copy()}
      />
      <div class="table-selection">
        {rows.length > 0 && !isCards && <span class="muted">Enter opens the connection</span>}
        <CopyButton disabled={rows.length === 0} message={message} onCopy={() => void copy()} />
      </div>
    </>
  );
}
