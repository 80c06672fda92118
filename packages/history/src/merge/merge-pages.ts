/** One page of connections out of the pages of several histories. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import type { ConnectionsPage } from '../query/connections.js';
import { placeOf, writeCursor } from '../query/row-place.js';
import type { EndRow } from '../schema/index.js';
import { type ConnectionsOrder, compareRows } from './order-value.js';

/**
 * Where each history goes on: the cursor behind its last row on the pages before; `begin`, where none of its rows was there yet; `out`,
 * where it did not answer for a page of which only it knows the place.
 */
export type HistoryCursor = { readonly at: string } | 'begin' | 'out';

/** A page that is asked for. */
export interface MergedPage {
  readonly order: ConnectionsOrder;
  readonly limit: number;
  /** So many rows before the page are left out. */
  readonly skip: number;
  /** Where each history was asked to go on. */
  readonly cursors: readonly HistoryCursor[];
}

const OUT = 'x';

/** The cursors as one. */
export function writeCursors(cursors: readonly HistoryCursor[]): string {
  return cursors.map((cursor) => (cursor === 'begin' ? '' : cursor === 'out' ? OUT : cursor.at)).join('~');
}

/** @throws OptionError for a text that is none of so many histories */
export function readCursors(text: string | undefined, count: number): HistoryCursor[] {
  if (text === undefined) return Array.from({ length: count }, () => 'begin' as const);
  const parts = text.split('~');
  if (parts.length !== count) throw new OptionError('cursor: expected what the page before gave');
  return parts.map((part) => (part === '' ? 'begin' : part === OUT ? 'out' : { at: part }));
}

/**
 * The first rows of all pages together. Each page begins where its history was asked to go on and has the rows that are skipped, too;
 * undefined is one that did not answer.
 */
export function mergePages(
  pages: readonly (ConnectionsPage | undefined)[],
  { order, limit, skip, cursors }: MergedPage,
): ConnectionsPage {
  const compare = compareRows(order);
  const heads = pages.map(() => 0);
  const rows: EndRow[] = [];
  let hasMore = false;
  while (true) {
    let next: number | undefined;
    let isKnown = true;
    for (const [index, page] of pages.entries()) {
      const row = page?.rows[heads[index]!];
      // Behind the last row of a page that is not the last one, nobody knows which row is next.
      if (row === undefined && page?.next !== undefined) isKnown = false;
      if (row === undefined) continue;
      if (next === undefined || compare(row, pages[next]!.rows[heads[next]!]!) < 0) next = index;
    }
    hasMore = next !== undefined || !isKnown;
    if (!isKnown || next === undefined || rows.length === skip + limit) break;
    rows.push(pages[next]!.rows[heads[next]!++]!);
  }
  const wanted = rows.slice(skip);
  if (!hasMore) return { rows: wanted };
  const byTime = order === 'newest' || order === 'oldest';
  const last = rows.at(-1);
  const following = pages.map((page, index): HistoryCursor => {
    // A place in time is one in any history; any other is only known where the row is.
    if (page === undefined)
      return byTime && last !== undefined
        ? { at: writeCursor(placeOf(last)) }
        : byTime
          ? cursors[index]!
          : 'out';
    const own = page.rows[heads[index]! - 1];
    return own === undefined ? cursors[index]! : { at: writeCursor(placeOf(own)) };
  });
  return { rows: wanted, next: writeCursors(following) };
}
