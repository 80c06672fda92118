/** The table itself. */
import type { Paint } from '../../text/colour.js';
import { displayWidth } from '../../text/width.js';
import type { ColumnShape } from '../table/column.js';
import { layLine, placeColumns } from '../table/column-layout.js';
import type { Sheet, Sort } from '../table/views.js';

export interface TableOptions {
  /** Infinity: all columns, nothing cut. */
  readonly width: number;
  /** The first row to show, and how many. */
  readonly first: number;
  readonly rows: number;
  readonly sort: Sort;
  readonly paint: Paint;
  /** The row that keys act on. Each row begins with a mark then. */
  readonly cursor?: number;
}

/** The line of titles, then the rows. */
export function tableLines(sheet: Sheet, options: TableOptions): string[] {
  const { width, first, sort, paint, cursor } = options;
  const last = Math.min(first + options.rows, sheet.size);
  const texts: Map<ColumnShape, string>[] = [];
  for (let index = first; index < last; index++) {
    const row = new Map<ColumnShape, string>();
    for (const column of sheet.columns) {
      if (Number.isFinite(column.rank)) row.set(column, sheet.text(index, column));
    }
    texts.push(row);
  }
  const margin = cursor === undefined ? 0 : 1;
  const titled = (column: ColumnShape) => column.title;
  const need = (column: ColumnShape) =>
    texts.reduce((most, row) => Math.max(most, displayWidth(row.get(column)!)), displayWidth(titled(column)));
  const placed = placeColumns(sheet.columns, width - margin, need);
  const titles = layLine(placed, titled);
  const lines = [paint('bold', ' '.repeat(margin) + markSort(titles, placed, sort, paint))];
  texts.forEach((row, offset) => {
    const line = layLine(placed, (column) => row.get(column)!);
    if (cursor === undefined) lines.push(line.trimEnd());
    else if (first + offset === cursor) lines.push(paint('inverse', `>${line}`));
    else lines.push(` ${line.trimEnd()}`);
  });
  return lines;
}

/** Sets off the title that rows are sorted by. */
function markSort(
  titles: string,
  placed: readonly { readonly column: ColumnShape; readonly width: number }[],
  sort: Sort,
  paint: Paint,
): string {
  let start = 0;
  for (const { column, width } of placed) {
    if (column.id === sort.column) {
      const end = start + width;
      return titles.slice(0, start) + paint('cyan', titles.slice(start, end)) + titles.slice(end);
    }
    start += width + 1;
  }
  return titles;
}
