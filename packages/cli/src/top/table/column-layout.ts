/** Chooses the columns for which a terminal has room, and their widths. Pure. */
import { fitEndpoint } from '../../text/endpoint.js';
import { displayWidth, padEnd, truncate } from '../../text/width.js';
import type { ColumnShape } from './column.js';

export interface Placed<C extends ColumnShape> {
  readonly column: C;
  readonly width: number;
}

/** Endpoints grow in steps, so that columns keep their places when rows change. See also text/layout.ts. */
const endpointSteps = [21, 32, 47];

/**
 * @param width Columns of the terminal; Infinity: all columns, as wide as they want.
 * @param needs Columns that the widest of the texts takes, by the column's id.
 */
export function placeColumns<C extends ColumnShape>(
  columns: readonly C[],
  width: number,
  needs: (column: C) => number,
): Placed<C>[] {
  const shown = columns.filter(({ rank }) => Number.isFinite(rank));
  const ranks = [...new Set(shown.map(({ rank }) => rank))].sort((a, b) => a - b);
  const chosen = new Set<C>();
  let used = -1;
  for (const rank of ranks) {
    const group = shown.filter((column) => column.rank === rank);
    const cost = group.reduce((sum, { least }) => sum + 1 + least, 0);
    // The columns that name the row stay, however narrow the terminal is.
    if (used + cost > width && rank !== ranks[0]) continue;
    used += cost;
    for (const column of group) chosen.add(column);
  }
  let spare = Math.max(0, width - used);
  const widths = new Map<C, number>();
  for (const column of [...chosen].sort((a, b) => a.rank - b.rank)) {
    const more = Math.min(spare, Math.max(0, wanted(column, needs(column)) - column.least));
    widths.set(column, Math.min(column.least + more, Math.max(1, width)));
    spare -= more;
  }
  return shown
    .filter((column) => chosen.has(column))
    .map((column) => ({ column, width: widths.get(column)! }));
}

function wanted(column: ColumnShape, need: number): number {
  const stepped = column.isEndpoint ? (endpointSteps.find((step) => step >= need) ?? need) : need;
  return Math.min(column.most, stepped);
}

/** A line of texts below their columns. Texts are safe to show, and cut where they do not fit. */
export function layLine<C extends ColumnShape>(
  placed: readonly Placed<C>[],
  text: (column: C) => string,
): string {
  return placed.map(({ column, width }) => fit(text(column), column, width)).join(' ');
}

function fit(text: string, { align, isEndpoint }: ColumnShape, width: number): string {
  const shortened = isEndpoint ? fitEndpoint(text, width) : text;
  const cut = truncate(shortened, width);
  return align === 'left' ? padEnd(cut, width) : ' '.repeat(Math.max(0, width - displayWidth(cut))) + cut;
}
