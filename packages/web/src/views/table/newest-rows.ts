/** The newest connections of a stream: a few of them, and how many there were. Pure. */

/** Connections that came by the stream. */
export interface NewestRows<Row> {
  /** All that was stored since is counted. Undefined: nothing is known. */
  readonly since: string | undefined;
  /** The newest of them, the newest last. What ends at the same time on several CPUs comes in any order. */
  readonly rows: readonly NewRow<Row>[];
  /** How many there were besides, in order of the ids. */
  readonly counts: readonly NewCount[];
}

/** A connection. */
export interface NewRow<Row> {
  /** Up to here, everything is in the history together with this. */
  readonly id: string;
  /** When it ended: not always before that. */
  readonly time: string;
  /** Parses it, once: most are gone before somebody sees them. */
  readonly read: () => Row;
}

/** Connections with an id that are only counted: they are not kept any more, or were dropped. */
export interface NewCount {
  readonly id: string;
  readonly count: number;
  /** How many of them this page was too slow for. */
  readonly dropped: number;
}

/** None. */
export const noNewRows: NewestRows<never> = { since: undefined, rows: [], counts: [] };

/** How many are kept. */
export interface KeptRows {
  readonly rows: number;
  readonly counts: number;
}

/** Adds rows, or their number where they were dropped. */
export function withNewRows<Row>(
  { since, rows, counts }: NewestRows<Row>,
  more: readonly NewRow<Row>[],
  dropped: readonly NewCount[],
  most: KeptRows,
): NewestRows<Row> {
  const kept = [...rows, ...more].sort((a, b) => compare(a.time, b.time));
  const gone = kept.splice(0, Math.max(0, kept.length - most.rows));
  const counted = [...counts, ...gone.map(({ id }) => ({ id, count: 1, dropped: 0 })), ...dropped];
  const all: NewCount[] = [];
  for (const next of counted.sort((a, b) => compare(a.id, b.id))) {
    const last = all.at(-1);
    if (last?.id !== next.id) all.push(next);
    else {
      const sum = { count: last.count + next.count, dropped: last.dropped + next.dropped };
      all[all.length - 1] = { id: next.id, ...sum };
    }
  }
  return {
    since: all[all.length - most.counts - 1]?.id ?? since,
    rows: kept,
    counts: all.slice(-most.counts),
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Without what an answer has that reaches up to a moment, where that is complete.
 *
 * @returns undefined where some are missing between
 */
export function newerThan<Row>(
  { since, rows, counts }: NewestRows<Row>,
  upTo: string,
): NewestRows<Row> | undefined {
  if (since === undefined || upTo < since) return undefined;
  return {
    since,
    rows: rows.filter(({ time }) => time >= upTo),
    counts: counts.filter(({ id }) => id > upTo),
  };
}

/** The number of all. */
export function countOf({ rows, counts }: NewestRows<unknown>): number {
  return counts.reduce((sum, { count }) => sum + count, rows.length);
}

/** The number of those that were dropped. */
export function droppedOf({ counts }: NewestRows<unknown>): number {
  return counts.reduce((sum, { dropped }) => sum + dropped, 0);
}

/** A function that is called once. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
