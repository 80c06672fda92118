/** Which rows of a long list are in sight, and how far its scroll bar has to go. Pure. */

/** Browsers draw nothing beyond some height: Firefox has the least, about 17.8 million pixels. */
export const MOST_PIXELS = 15_000_000;

/** A list of rows of one height, in a viewport. CSS pixels. */
export interface RowLayout {
  readonly rowCount: number;
  readonly rowHeight: number;
  readonly viewHeight: number;
}

/** Rows from `first` to before `end`. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
}

/** The height of all rows. */
export function heightOf({ rowCount, rowHeight }: RowLayout): number {
  return rowCount * rowHeight;
}

/** The height that the browser is given: a longer list is scrolled faster than its bar. */
export function drawnHeight(layout: RowLayout): number {
  return Math.min(heightOf(layout), Math.max(MOST_PIXELS, layout.viewHeight));
}

/** Pixels of the list by pixel of the scroll bar. */
export function scrollScale(layout: RowLayout): number {
  const bar = drawnHeight(layout) - layout.viewHeight;
  return bar <= 0 ? 1 : (heightOf(layout) - layout.viewHeight) / bar;
}

/** A place within what can be scrolled. @param offset Pixels of the list above the viewport */
export function clampOffset(offset: number, layout: RowLayout): number {
  return Math.max(0, Math.min(offset, heightOf(layout) - layout.viewHeight));
}

/** The rows in sight, with some more on both sides. */
export function windowAt(offset: number, layout: RowLayout, more: number): RowWindow {
  const { rowCount, rowHeight, viewHeight } = layout;
  const first = Math.max(0, Math.floor(offset / rowHeight) - more);
  const end = Math.min(rowCount, Math.ceil((offset + viewHeight) / rowHeight) + more);
  return { first: Math.min(first, end), end };
}

/** The offset nearest to the present one with which a row is wholly in sight. */
export function offsetShowing(row: number, offset: number, layout: RowLayout): number {
  const { rowHeight, viewHeight } = layout;
  const top = row * rowHeight;
  if (top < offset) return clampOffset(top, layout);
  if (top + rowHeight > offset + viewHeight) return clampOffset(top + rowHeight - viewHeight, layout);
  return offset;
}
