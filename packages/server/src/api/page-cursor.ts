/**
 * Cursors of pages: the range as it was when the first page was asked for, and the place in it. A range such as -1h moves, and
 * connections would be twice, or missing, on the next page. Pure.
 */
import { OptionError } from '@weir/ebpf/errors';
import type { Range } from './history.js';

/** Where a page begins. */
export interface PageStart {
  readonly range: Range;
  /** The history's own cursor. */
  readonly cursor: string;
}

/** The cursor of the next page. */
export function writePageCursor({ range, cursor }: PageStart): string {
  return `${range.from}_${range.to}_${cursor}`;
}

/** Reads a cursor. @throws OptionError */
export function readPageCursor(text: string): PageStart {
  const match = /^(-?\d{1,20})_(-?\d{1,20})_([0-9a-z.-]{1,120})$/.exec(text);
  if (match === null) throw new OptionError('cursor: expected what the page before gave');
  const range = { from: BigInt(match[1]!), to: BigInt(match[2]!) };
  if (range.from >= range.to) throw new OptionError('cursor: expected what the page before gave');
  return { range, cursor: match[3]! };
}
