/** Connections grouped by fields, one group a row. */
import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { Group } from '../../api/api-types.js';
import { useAnswer } from '../../api/use-answer.js';
import { narrowFilter } from '../../filter/filter-term.js';
import { formatBytes, formatCount, formatMany, formatShort } from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { shownValue } from '../../state/host-names.js';
import { pageRange } from '../../state/page-range.js';
import { changePage, currentFilter, linkTo, viewParameter } from '../../state/page-state.js';
import { areaOf, selectCell } from '../../table/cell-selection.js';
import { Grid, type GridColumn } from '../../table/grid.js';
import { fieldTitle } from '../../table/group-fields.js';
import { isNarrow } from '../../table/narrow.js';
import { CopyButton } from './copy-button.js';
import { copyCells } from './copy-cells.js';
import { groupColumns, readOrder } from './group-columns.js';

const orderParameter = viewParameter('order', 'bytes');

/** The server has no more at once. */
const MOST_GROUPS = 10_000;
const ROW_HEIGHT = 28;
const CARD_HEIGHT = 56;
const firstCell = selectCell({ row: 0, column: 0 });

/** Shows it. @param by Fields */
export function GroupTable({ by }: { readonly by: readonly string[] }): VNode {
  const order = readOrder(orderParameter.value.value);
  const range = pageRange.value;
  const filter = currentFilter.value;
  const fields = by.join(',');
  const asked = useAnswer(
    'groups',
    range === undefined
      ? undefined
      : { range: range.text, filter, by: fields, order, limit: MOST_GROUPS, ends: 'all' },
  );
  const content = JSON.stringify([range?.asked, filter, fields, order]);
  const [state, setState] = useState({ content, selection: firstCell });
  const [message, setMessage] = useState('');
  const selection = state.content === content ? state.selection : firstCell;
  const isCards = isNarrow.value;
  const known = asked.answer;
  // An answer to the question before has other keys.
  const groups = known?.groups.every(({ key }) => by.every((name) => name in key)) ? known.groups : [];
  const columns: GridColumn[] = isCards
    ? [{ id: 'group', title: 'Group', width: 100 }]
    : [
        ...by.map((name) => ({ id: name, title: fieldTitle(name), width: 170 })),
        ...groupColumns.map(({ id, title, width, order: sort }) => ({
          ...{ id, title, width, isNumber: true },
          ...(sort !== undefined && { sort: sort === order ? ('descending' as const) : ('none' as const) }),
        })),
      ];
  const cell = (row: number, column: number): ComponentChildren => {
    const group = groups[row];
    if (group === undefined) return undefined;
    if (isCards) return <GroupCard group={group} by={by} />;
    const name = by[column];
    if (name !== undefined) {
      const value = <Name name={shownValue(name, group.key[name])} />;
      return column > 0 ? (
        value
      ) : (
        <a href={connectionsOf(group)} tabIndex={-1}>
          {value}
        </a>
      );
    }
    const { value, format, isBad = false } = groupColumns[column - by.length]!;
    const figure = value(group);
    return <span class={isBad && (figure ?? 0) > 0 ? 'table-bad' : ''}>{format(figure)}</span>;
  };
  const copy = async () => {
    const { firstRow, lastRow, firstColumn, lastColumn } = areaOf(selection);
    const chosen = columns.slice(firstColumn, lastColumn + 1).map(({ title }) => title);
    const values = groups
      .slice(Math.max(0, firstRow), lastRow + 1)
      .map((group) =>
        [
          ...by.map((name) => shownValue(name, group.key[name]) ?? undefined),
          ...groupColumns.map(({ value }) => value(group)),
        ].slice(firstColumn, lastColumn + 1),
      );
    setMessage(await copyCells(chosen, values));
  };
  return (
    <>
      {asked.problem !== undefined && asked.problem.status !== 0 && (
        <p class="notice is-bad">{asked.problem.message}</p>
      )}
      <Grid
        label={`Connections by ${by.map(fieldTitle).join(' and ').toLowerCase()}`}
        rowCount={groups.length}
        rowHeight={isCards ? CARD_HEIGHT : ROW_HEIGHT}
        columns={columns}
        cell={cell}
        isCards={isCards}
        content={content}
        selection={selection}
        onSelect={(next) => {
          setState({ content, selection: next });
          setMessage('');
        }}
        onOpen={(row) => {
          const group = groups[row];
          if (group !== undefined) changePage(narrowed(group));
        }}
        onSort={(id) => {
          const sort = groupColumns.find((column) => column.id === id)?.order;
          if (sort !== undefined) orderParameter.set(sort);
        }}
        onCopy={() => void copy()}
      />
      <div class="table-selection">
        <span class="muted">
          {known === undefined
            ? ''
            : known.count > groups.length
              ? `The first ${formatCount(groups.length)} of ${formatCount(known.count)} groups`
              : formatMany(known.count, 'group')}
        </span>
        {groups.length > 0 && !isCards && <span class="muted">Enter shows a group's connections</span>}
        <CopyButton disabled={groups.length === 0} message={message} onCopy={() => void copy()} />
      </div>
    </>
  );
}

function narrowed({ key }: Group) {
  return {
    filter: narrowFilter(currentFilter.value, key),
    parameters: { by: undefined, order: undefined },
  };
}

function connectionsOf(group: Group): string {
  return linkTo(narrowed(group));
}

function GroupCard({ group, by }: { readonly group: Group; readonly by: readonly string[] }): VNode {
  return (
    <div class="table-card">
      <div>
        <a href={connectionsOf(group)} tabIndex={-1}>
          {by.map((name, index) => (
            <>
              {index > 0 && <span class="muted"> · </span>}
              <Name name={shownValue(name, group.key[name])} />
            </>
          ))}
        </a>
      </div>
      <div class="muted">
        {formatBytes(group.bytes_sent + group.bytes_received)} · {formatShort(group.connections)} connections
        {group.failures > 0 && <span class="table-bad"> · {formatShort(group.failures)} failed</span>}
      </div>
    </div>
  );
}
