/** How the selected span of the brush moves. Pure. */
import type { Span } from '../chart/steps.js';

/** What is dragged. */
export type BrushPart = 'from' | 'to' | 'all' | 'new';

/** A narrower selection says nothing, milliseconds. */
export const LEAST_SELECTION_MS = 1000;

/** The part at a place. @param slack How near to an end is at it, milliseconds */
export function partAt(ms: number, selected: Span, slack: number): BrushPart {
  const [toFrom, toEnd] = [Math.abs(ms - selected.from), Math.abs(ms - selected.to)];
  // Both ends of a small selection are near: it is moved.
  const isSmall = selected.to - selected.from < 2 * slack;
  if (!isSmall && Math.min(toFrom, toEnd) <= slack) return toFrom < toEnd ? 'from' : 'to';
  const [from, to] = isSmall ? [selected.from - slack, selected.to + slack] : [selected.from, selected.to];
  return ms >= from && ms <= to ? 'all' : 'new';
}

/** The selection after a drag, within what there is. */
export function dragged(part: BrushPart, start: number, now: number, selected: Span, whole: Span): Span {
  const inside = (ms: number) => Math.min(whole.to, Math.max(whole.from, ms));
  switch (part) {
    case 'from':
      return ordered(inside(selected.from + now - start), selected.to);
    case 'to':
      return ordered(selected.from, inside(selected.to + now - start));
    case 'new':
      return ordered(inside(start), inside(now));
    case 'all':
      return moved(selected, now - start, whole);
  }
}

/** The selection moved, with its length. */
export function moved(selected: Span, byMs: number, whole: Span): Span {
  const length = selected.to - selected.from;
  const from = Math.max(whole.from, Math.min(whole.to - length, selected.from + byMs));
  return { from, to: Math.min(whole.to, from + length) };
}

/** The selection made longer or shorter around its middle. */
export function zoomed(selected: Span, factor: number, whole: Span): Span {
  const length = Math.max(LEAST_SELECTION_MS, (selected.to - selected.from) * factor);
  const middle = (selected.from + selected.to) / 2;
  const from = Math.max(whole.from, Math.min(middle - length / 2, whole.to - length));
  return { from, to: Math.min(whole.to, from + length) };
}

function ordered(a: number, b: number): Span {
  const [from, to] = a < b ? [a, b] : [b, a];
  return { from, to: Math.max(to, from + LEAST_SELECTION_MS) };
}
