/** All connections of the range, one by one or in groups. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCount, formatMany } from '../../format/number-text.js';
import { asksOthers } from '../../state/follow-hosts.js';
import { isLive, pageRange } from '../../state/page-range.js';
import { changePage, currentFilter, viewParameter } from '../../state/page-state.js';
import { FieldSelect } from '../../table/field-select.js';
import { readFields } from '../../table/group-fields.js';
import { isNarrow } from '../../table/narrow.js';
import { columnsText, recallColumns } from './chosen-columns.js';
import { ColumnsMenu } from './columns-menu.js';
import { ConnectionTable, sortOrder } from './connection-table.js';
import { ExportMenu } from './export-menu.js';
import { FacetPanel } from './facet-panel.js';
import { GroupTable } from './group-table.js';
import { BUSIEST } from './open-columns.js';
import { OpenTable, openParameter } from './open-table.js';
import { useFill } from './use-fill.js';
import { isByTime, MOST_SORTED, useRows } from './use-rows.js';

const byParameter = viewParameter('by');

/** Shows it. */
export function TableView(): VNode {
  const by = readFields(byParameter.value.value, 2);
  // Also when a link without columns is opened here.
  useEffect(recallColumns, [columnsText.value, asksOthers.value]);
  if (openParameter.value.value !== '') return <Open />;
  return by.length > 0 ? <Grouped by={by} /> : <Single />;
}

/** Which connections there are in the table: those that ended, or those that were open at the end of the range. */
function RowsChoice(): VNode {
  const isOpen = openParameter.value.value !== '';
  const choose = (open: string | undefined) =>
    changePage({ parameters: { open, by: undefined, sort: undefined, order: undefined } });
  return (
    <fieldset class="segments" aria-label="Which connections">
      <button type="button" aria-pressed={!isOpen} onClick={() => choose(undefined)}>
        Ended
      </button>
      <button type="button" aria-pressed={isOpen} onClick={() => choose(BUSIEST)}>
        {isLive.value ? 'Open now' : 'Open at the end'}
      </button>
    </fieldset>
  );
}

function Open(): VNode {
  const box = useFill();
  return (
    <div ref={box} class="table-view is-whole">
      <section class="table-main">
        <OpenTable
          toolbar={(said) => (
            <div class="table-tools">
              <RowsChoice />
              <span class="table-count" role="status">
                {said}
              </span>
            </div>
          )}
        />
      </section>
    </div>
  );
}

function Toolbar({
  by,
  children,
}: {
  readonly by: readonly string[];
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class="table-tools">
      <RowsChoice />
      <FieldSelect
        label="Group by"
        fields={by}
        most={2}
        isOptional
        onChange={(fields) => byParameter.set(fields.join(','))}
      />
      {children}
    </div>
  );
}

function Single(): VNode {
  const isAway = useRef(false);
  const order = sortOrder();
  const rows = useRows(order, isAway);
  const { list, total, isKnown, range, problem, isStale, isHeld, dropped, showNewer } = rows;
  const box = useFill();
  return (
    <div ref={box} class={`table-view ${problem !== undefined && isKnown ? 'is-old' : ''}`}>
      <Facets range={range?.text} />
      <section class="table-main" aria-busy={isStale}>
        <Toolbar by={[]}>
          <span class="table-count" role="status">
            {!isKnown ? '…' : formatMany(total, 'connection')}
          </span>
          {total > MOST_SORTED && !isByTime(order) && (
            <span class="muted">the first {formatCount(MOST_SORTED)} of them are here</span>
          )}
          {dropped > 0 && (
            <span class="muted">
              {formatCount(dropped)} of them came faster than this page could take them, and follow
            </span>
          )}
          {isHeld && (
            <button type="button" class="primary" onClick={showNewer}>
              Show newer
            </button>
          )}
          <span class="table-menus">
            {!isNarrow.value && <ColumnsMenu />}
            <ExportMenu range={range?.text} order={order} total={total} />
          </span>
        </Toolbar>
        {problem !== undefined && problem.status !== 0 && <p class="notice is-bad">{problem.message}</p>}
        {isKnown && total === 0 && (
          <p class="notice">
            {currentFilter.value === ''
              ? 'No connection ended in this range.'
              : 'No connection that ended in this range meets the filter.'}
          </p>
        )}
        <ConnectionTable
          rows={rows}
          onMove={(away) => {
            // Some rows between the newest and those of the history are only counted.
            if (away && !isAway.current && list.hasGap) showNewer();
            isAway.current = away;
          }}
        />
      </section>
    </div>
  );
}

function Grouped({ by }: { readonly by: readonly string[] }): VNode {
  const box = useFill();
  return (
    <div ref={box} class="table-view">
      <Facets range={pageRange.value?.text} />
      <section class="table-main">
        <Toolbar by={by} />
        <GroupTable by={by} />
      </section>
    </div>
  );
}

/** Beside the table, or where there is no room for that, above it and closed. */
function Facets({ range }: { readonly range: string | undefined }): VNode {
  const [isOpen, setOpen] = useState(false);
  if (isNarrow.value)
    return (
      <details class="table-facets" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>Facets</summary>
        {isOpen && <FacetPanel range={range} />}
      </details>
    );
  return (
    <aside class="table-facets" aria-label="Facets">
      <FacetPanel range={range} />
    </aside>
  );
}
