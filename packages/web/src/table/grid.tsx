// biome-ignore-all lint/a11y/useSemanticElements: elements of tables would lay out all rows to know their columns
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus, and names its active cell
/** A table of any length, of which only the rows in sight are drawn. Arrow keys move in it as in a spreadsheet. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import {
  areaOf,
  type CellPlace,
  type CellSelection,
  extendTo,
  isInArea,
  selectCell,
  selectionAfter,
} from './cell-selection.js';
import { ResizeHandle } from './resize-handle.js';
import {
  clampOffset,
  drawnHeight,
  offsetShowing,
  type RowLayout,
  type RowWindow,
  scrollScale,
  windowAt,
} from './row-window.js';

/** A column. */
export interface GridColumn {
  readonly id: string;
  readonly title: string;
  /** CSS pixels. */
  readonly width: number;
  /** Numbers are at the right. Default false. */
  readonly isNumber?: boolean;
  /** How the rows are sorted by it; `none` where they could be. Default: they cannot. */
  readonly sort?: 'ascending' | 'descending' | 'none';
}

/** What a grid has. */
export interface GridProps {
  /** Names it for screen readers. */
  readonly label: string;
  readonly rowCount: number;
  /** CSS pixels. */
  readonly rowHeight: number;
  readonly columns: readonly GridColumn[];
  /** What is in a cell; undefined while that is not known. */
  readonly cell: (row: number, column: number) => ComponentChildren;
  /** Class of a row, such as `is-bad`. */
  readonly rowClass?: (row: number) => string;
  /** Rows are cards without a header. Default false. */
  readonly isCards?: boolean;
  /** Where this changes, the grid is at its first row again. */
  readonly content: string;
  readonly selection: CellSelection;
  readonly onSelect: (selection: CellSelection) => void;
  /** Rows in sight. */
  readonly onWindow?: (window: RowWindow) => void;
  /** Enter, or a double click. */
  readonly onOpen?: (row: number) => void;
  readonly onSort?: (column: string) => void;
  readonly onResize?: (column: string, width: number) => void;
  /** Copying was asked for. */
  readonly onCopy?: () => void;
}

/** Rows drawn above and below those in sight. */
const MORE_ROWS = 6;
const KEY_RESIZE = 16;
const HEAD_HEIGHT = 29;

/** Shows it. */
export function Grid(props: GridProps): VNode {
  const { columns, rowCount, rowHeight, isCards = false, selection, onWindow, content } = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [boxHeight, setBoxHeight] = useState(0);
  const [offset, setOffset] = useState(0);
  /** Where the scroll bar was put: its event is no wish of the reader's. */
  const expectedTop = useRef(-1);
  const viewHeight = Math.max(0, boxHeight - (isCards ? 0 : HEAD_HEIGHT));
  const layout: RowLayout = { rowCount, rowHeight, viewHeight };
  const shown = clampOffset(offset, layout);
  const rows = windowAt(shown, layout, MORE_ROWS);
  const scale = scrollScale(layout);

  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => setBoxHeight(element.clientHeight);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const scrollTo = (to: number) => {
    const element = box.current!;
    const next = clampOffset(to, layout);
    element.scrollTop = next / scale;
    expectedTop.current = element.scrollTop;
    setOffset(next);
  };
  const before = useRef(content);
  useLayoutEffect(() => {
    if (before.current === content) return;
    before.current = content;
    scrollTo(0);
  }, [content]);
  const { first, end } = rows;
  useEffect(() => {
    onWindow?.({ first, end });
  }, [first, end, rowCount, onWindow]);

  const latest = useRef({ scale, shown, scrollTo });
  latest.current = { scale, shown, scrollTo };
  // A wheel moves rows by its own pixels, however long the list is.
  useEffect(() => {
    const element = box.current!;
    const onWheel = (event: WheelEvent) => {
      const now = latest.current;
      if (now.scale === 1 || event.ctrlKey || event.deltaY === 0) return;
      event.preventDefault();
      const unit = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? 32 : element.clientHeight;
      now.scrollTo(now.shown + event.deltaY * unit);
      element.scrollLeft += event.deltaX * unit;
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, []);

  const onScroll = () => {
    const { scrollTop } = box.current!;
    if (Math.abs(scrollTop - expectedTop.current) < 1) return;
    expectedTop.current = -1;
    setOffset(scrollTop * scale);
  };

  const select = (next: CellSelection, isShowing = true) => {
    props.onSelect(next);
    if (!isShowing) return;
    if (next.active.row >= 0) {
      const to = offsetShowing(next.active.row, shown, layout);
      if (to !== shown) scrollTo(to);
    }
    showColumn(box.current!, columns, next.active.column);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const { active } = selection;
    const column = columns[active.column];
    const isHandled = (): boolean => {
      if (event.altKey) return false;
      if (active.row < 0 && event.shiftKey && /^Arrow(Left|Right)$/.test(event.key)) {
        const by = event.key === 'ArrowLeft' ? -KEY_RESIZE : KEY_RESIZE;
        if (column !== undefined) props.onResize?.(column.id, column.width + by);
        return column !== undefined;
      }
      if (event.key === 'Enter' || (event.key === ' ' && active.row < 0)) {
        if (active.row >= 0) props.onOpen?.(active.row);
        else if (column?.sort !== undefined) props.onSort?.(column.id);
        return true;
      }
      if (event.key === 'Escape' && selection.anchor !== selection.active) {
        select(selectCell(active));
        return true;
      }
      const page = Math.max(1, Math.floor(viewHeight / rowHeight) - 1);
      const next = selectionAfter(selection, event, { rows: rowCount, columns: columns.length, page });
      if (next !== undefined) select(next);
      return next !== undefined;
    };
    if (event.target !== box.current || !isHandled()) return;
    event.preventDefault();
    event.stopPropagation();
  };

  const onPointerDown = (event: PointerEvent) => {
    const place = placeOf(event.target);
    if (place === undefined || event.button !== 0) return;
    select(event.shiftKey ? extendTo(selection, place) : selectCell(place), false);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (event.buttons !== 1 || event.pointerType !== 'mouse') return;
    const place = placeOf(event.target);
    const { active } = selection;
    if (place === undefined || (place.row === active.row && place.column === active.column)) return;
    select(extendTo(selection, place), false);
  };

  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const template = columns
    .map((column, index) =>
      index === columns.length - 1 ? `minmax(${column.width}px, 1fr)` : `${column.width}px`,
    )
    .join(' ');
  const area = areaOf(selection);
  const { active } = selection;
  const isActiveDrawn = active.row < 0 || (active.row >= first && active.row < end);
  const cellId = ({ row, column }: CellPlace) => `${id}-${row}-${column}`;
  return (
    <div
      ref={box}
      class={`grid ${isCards ? 'is-cards' : ''}`}
      role="grid"
      tabIndex={0}
      aria-label={props.label}
      aria-rowcount={rowCount + (isCards ? 0 : 1)}
      aria-colcount={columns.length}
      aria-multiselectable="true"
      aria-activedescendant={isActiveDrawn && rowCount > 0 ? cellId(active) : undefined}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onDblClick={(event) => {
        const place = placeOf(event.target);
        if (place !== undefined) props.onOpen?.(place.row);
      }}
      onCopy={(event) => {
        event.preventDefault();
        props.onCopy?.();
      }}
    >
      {!isCards && (
        <div class="grid-head" role="rowgroup" style={{ minWidth: `${width}px` }}>
          <div class="grid-row" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
            {columns.map((column, index) => (
              <div
                key={column.id}
                id={cellId({ row: -1, column: index })}
                role="columnheader"
                aria-colindex={index + 1}
                aria-sort={column.sort}
                class={classOf(column, active.row < 0 && active.column === index)}
              >
                {column.sort === undefined ? (
                  <span class="grid-title">{column.title}</span>
                ) : (
                  <button
                    type="button"
                    class="grid-title"
                    tabIndex={-1}
                    onClick={() => props.onSort?.(column.id)}
                  >
                    {column.title}
                    {column.sort !== 'none' && (
                      <span aria-hidden="true">{column.sort === 'ascending' ? ' ▲' : ' ▼'}</span>
                    )}
                  </button>
                )}
                {props.onResize !== undefined && (
                  <ResizeHandle width={column.width} onResize={(to) => props.onResize?.(column.id, to)} />
                )}
              </div>
            ))}
          </div>
        </div>
      )}
      <div
        class="grid-space"
        role="rowgroup"
        style={{ height: `${drawnHeight(layout)}px`, minWidth: isCards ? '0' : `${width}px` }}
      >
        {/* Rows are where the list is, which a long list's scroll bar is not. */}
        <div
          class="grid-rows"
          role="presentation"
          style={{ transform: `translateY(${shown / scale + first * rowHeight - shown}px)` }}
        >
          {Array.from({ length: end - first }, (_, at) => {
            const row = first + at;
            return (
              <div
                key={row}
                class={`grid-row ${props.rowClass?.(row) ?? ''} ${row % 2 === 1 ? 'is-odd' : ''}`}
                role="row"
                aria-rowindex={row + (isCards ? 1 : 2)}
                style={{ height: `${rowHeight}px`, gridTemplateColumns: template }}
              >
                {columns.map((column, index) => {
                  const place = { row, column: index };
                  const isSelected = isInArea(area, place);
                  const isActive = active.row === row && active.column === index;
                  const text = props.cell(row, index);
                  return (
                    <div
                      key={column.id}
                      id={cellId(place)}
                      role="gridcell"
                      aria-colindex={index + 1}
                      aria-selected={isSelected}
                      data-row={row}
                      data-column={index}
                      class={`${classOf(column, isActive)} ${isSelected && !isActive ? 'is-selected' : ''}`}
                    >
                      {text === undefined ? <span class="grid-coming" /> : text}
                    </div>
                  );
                })}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function classOf({ isNumber = false }: GridColumn, isActive: boolean): string {
  return `grid-cell ${isNumber ? 'is-number' : ''} ${isActive ? 'is-active' : ''}`;
}

function placeOf(target: EventTarget | null): CellPlace | undefined {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-row]') : null;
  if (cell === null) return undefined;
  return { row: Number(cell.dataset.row), column: Number(cell.dataset.column) };
}

/** Scrolls sideways until a column is in sight. */
function showColumn(box: HTMLElement, columns: readonly GridColumn[], index: number): void {
  const left = columns.slice(0, index).reduce((sum, { width }) => sum + width, 0);
  const right = left + (columns[index]?.width ?? 0);
  if (left < box.scrollLeft) box.scrollLeft = left;
  else if (right > box.scrollLeft + box.clientWidth) box.scrollLeft = right - box.clientWidth;
}
