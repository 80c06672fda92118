/**
 * What ClickHouse's MergeTree does with parts, simulated second by second: inserts make parts, threads merge neighbours. Which
 * neighbours, follows the rule in ClickHouse's documentation of merges: those that make few rows be written again, where together they
 * are several times as large as the largest of them. Pure.
 */

/** One partition of one table on one server. */
export interface MergeLoad {
  /** Rows of the parts that come in a second. @param parts Those that are there: with many, ClickHouse takes its time */
  readonly arrivals: (second: number, parts: number) => readonly number[];
  readonly seconds: number;
  /** Rows a second that one merge writes. */
  readonly rowsPerSecond: number;
  /** Merges at the same time. */
  readonly threads: number;
  /** Rows of the largest part that a merge makes. */
  readonly mostRows: number;
}

/** What came of it. */
export interface MergeFigures {
  readonly inserted: number;
  /** Rows that merges wrote. */
  readonly merged: number;
  readonly parts: number;
  readonly merges: number;
  /** Parts at once, at most and at the end. */
  readonly mostParts: number;
  readonly leftParts: number;
  readonly seconds: number;
}

interface Part {
  readonly rows: number;
  isMerging: boolean;
}

interface Merge {
  readonly parts: readonly Part[];
  left: number;
}

/** Parts together have to have so many times the rows of their largest. */
const BASE = 5;
/** Parts in one merge. */
const MOST_PARTS = 100;
/** Where there are more parts than these, less is asked for. */
const CROWDED = 50;

/** Simulates. */
export function simulateMerges(load: MergeLoad): MergeFigures {
  const { arrivals, seconds, rowsPerSecond, threads, mostRows } = load;
  const parts: Part[] = [];
  let running: Merge[] = [];
  const figures = { inserted: 0, merged: 0, parts: 0, merges: 0, mostParts: 0, seconds };
  // Where nothing has changed, there is nothing new to choose.
  let hasChanged = false;
  for (let second = 0; second < seconds; second++) {
    const arrived = arrivals(second, parts.length);
    hasChanged ||= arrived.length > 0;
    for (const rows of arrived) {
      parts.push({ rows, isMerging: false });
      figures.inserted += rows;
      figures.parts++;
    }
    for (const merge of running) {
      merge.left -= rowsPerSecond;
      if (merge.left > 0) continue;
      const rows = sum(merge.parts);
      const first = parts.indexOf(merge.parts[0]!);
      parts.splice(first, merge.parts.length, { rows, isMerging: false });
      figures.merged += rows;
      figures.merges++;
      hasChanged = true;
    }
    running = running.filter(({ left }) => left > 0);
    while (hasChanged && running.length < threads) {
      const chosen = chooseParts(parts, mostRows);
      if (chosen === undefined) {
        hasChanged = false;
        break;
      }
      for (const part of chosen) part.isMerging = true;
      running.push({ parts: chosen, left: sum(chosen) });
    }
    figures.mostParts = Math.max(figures.mostParts, parts.length);
  }
  return { ...figures, leftParts: parts.length };
}

/** The neighbours whose merge writes the fewest rows for each part that it saves. */
function chooseParts(parts: readonly Part[], mostRows: number): readonly Part[] | undefined {
  const base = parts.length <= CROWDED ? BASE : Math.max(1.2, (BASE * CROWDED) / parts.length);
  let best: { readonly from: number; readonly to: number; readonly score: number } | undefined;
  for (let from = 0; from < parts.length; from++) {
    let total = 0;
    let largest = 0;
    for (let to = from; to < Math.min(parts.length, from + MOST_PARTS); to++) {
      const { rows, isMerging } = parts[to]!;
      if (isMerging) break;
      total += rows;
      largest = Math.max(largest, rows);
      const count = to - from + 1;
      if (total > mostRows) break;
      if (count < 2 || total / largest < base) continue;
      const score = total / (count - 1);
      if (best === undefined || score < best.score) best = { from, to: to + 1, score };
    }
  }
  return best === undefined ? undefined : parts.slice(best.from, best.to);
}

function sum(parts: readonly Part[]): number {
  return parts.reduce((total, { rows }) => total + rows, 0);
}
