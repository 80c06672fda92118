/**
 * Cursors of pages: the range as it was when the first page was asked for, and the place in it. A range such as -1h moves, and
 * connections would be twice, or missing, on the next page. A cursor is good for the question that it comes from: with another filter
 * or order, connections would be missing without a word. Pure.
 */
import { createHash } from 'node:crypto';
import { OptionError } from '@weir/ebpf/errors';
import type { Range } from './history.js';

/** Where a page begins. */
export interface PageStart {
  readonly range: Range;
  /** The history's own cursor. */
  readonly cursor: string;
}

/** What a cursor belongs to, besides its range. */
export interface PagedQuestion {
  readonly filter?: string;
  readonly order: string;
}

/** The cursor of the next page. */
export function writePageCursor({ range, cursor }: PageStart, question: PagedQuestion): string {
  const text = `${range.from}_${range.to}_${cursor}`;
  return `${text}_${checkOf(text, question)}`;
}

/** Reads a cursor. @throws OptionError for one that is damaged, or of another question */
export function readPageCursor(text: string, question: PagedQuestion): PageStart {
  const match = /^((-?\d{1,20})_(-?\d{1,20})_([0-9a-z.~-]{1,4000}))_([0-9a-f]{12})$/.exec(text);
  if (match === null) throw new OptionError('cursor: expected what the page before gave');
  const range = { from: BigInt(match[2]!), to: BigInt(match[3]!) };
  if (range.from >= range.to || checkOf(match[1]!, question) !== match[5])
    throw new OptionError('cursor: expected what the page before gave, with the same filter and order');
  return { range, cursor: match[4]! };
}

function checkOf(text: string, { filter, order }: PagedQuestion): string {
  const parts = JSON.stringify([text, filter ?? '', order]);
  return createHash('sha256').update(parts).digest('hex').slice(0, 12);
}
