/** The rows of the table, for the range and the filter of the page. */
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EndedConnection } from '../../api/api-types.js';
import { ask } from '../../api/client.js';
import { ApiProblem } from '../../api/problem.js';
import { recovery } from '../../api/server-state.js';
import { parseApiTime } from '../../format/time-text.js';
import { knownUpTo } from '../../live/continue-answer.js';
import { isLive, type PageRange, pageRange, refreshPage } from '../../state/page-range.js';
import { currentFilter } from '../../state/page-state.js';
import { stepSeconds } from '../../time/range-text.js';
import { droppedOf, type NewestRows, newerThan, noNewRows } from './newest-rows.js';
import { blocksOf, momentOf, RowIndex, type RowOrder } from './row-index.js';
import { RowList } from './row-list.js';
import { type RowSource, RowStore } from './row-store.js';
import { useNewestRows } from './use-newest-rows.js';

/** Rows, as far as they are known. */
export interface TableRows {
  readonly list: RowList<EndedConnection>;
  /** How many rows there are: sorted by something else than time, the first of them are in the list. */
  readonly total: number;
  /** Whether the history has answered. */
  readonly isKnown: boolean;
  /** Connections that came faster than this page took them. The next answer has them. */
  readonly dropped: number;
  /** The range that they are of; a range that ends now is held while somebody reads. */
  readonly range: PageRange | undefined;
  /** Changes with the question, but not as time goes on. */
  readonly content: string;
  readonly problem: ApiProblem | undefined;
  readonly isStale: boolean;
  /** The range has moved on since. */
  readonly isHeld: boolean;
  /** Shows the rows of now. */
  readonly showNewer: () => void;
}

const MOST_STEPS = 600;
/** Rows that can be scrolled to where they are not sorted by time: the server skips no more. */
export const MOST_SORTED = 10_000;

/** By time, or by what the API calls `bytes_sent` or `-bytes_sent`. */
export type TableOrder = RowOrder | (string & {});

/** Whether rows are sorted by time. */
export function isByTime(order: TableOrder): order is RowOrder {
  return order === 'newest' || order === 'oldest';
}

const FIRST_ROWS = 50;

interface Shown {
  readonly store: RowStore<EndedConnection>;
  /** Up to here the store has all. */
  readonly upTo: string;
  readonly total: number;
  readonly range: PageRange;
  readonly content: string;
}

/**
 * Reads them.
 *
 * @param isAway Whether somebody has moved away from the first row: then none comes in above. It is no function, whose scope would keep
 * the rows of before, and these those before them.
 */
export function useRows(order: TableOrder, isAway: RefObject<boolean>): TableRows {
  const range = pageRange.value;
  const filter = currentFilter.value;
  const again = recovery.value;
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const [problem, setProblem] = useState<ApiProblem | undefined>(undefined);
  const [isHeld, setHeld] = useState(false);
  const [isStale, setStale] = useState(true);
  const [, setVersion] = useState(0);
  const latest = useRef<Shown | undefined>(undefined);
  const isForced = useRef(false);
  const content = JSON.stringify([range?.asked, filter, order]);
  const newest = useNewestRows(order === 'newest');
  const frozen = useRef<{
    readonly shown: Shown | undefined;
    readonly newest: NewestRows<EndedConnection>;
  }>({ shown: undefined, newest: noNewRows });

  useEffect(() => {
    if (range === undefined) return;
    if (!isForced.current && isLive.value && latest.current?.content === content && isAway.current) {
      setHeld(latest.current.range.text !== range.text);
      return;
    }
    const controller = new AbortController();
    const { signal } = controller;
    let timer: number | undefined;
    const onProblem = (error: unknown) =>
      setProblem(
        error === undefined ? undefined : error instanceof ApiProblem ? error : ApiProblem.noAnswer(),
      );
    const onChange = () => setVersion((version) => version + 1);
    const attempt = async () => {
      let store: RowStore<EndedConnection> | undefined;
      try {
        const [from = '', to = ''] = range.text.split('..');
        const known = knownUpTo(range.coverage);
        // What comes by the stream continues what is complete. Somebody who reads further down has all that there is by now.
        const upTo = newest.since !== undefined && !isAway.current && from < known ? known : to;
        const { index, total } = await readIndex({ from, to: upTo }, filter, order, signal);
        const canSkip = !isByTime(order);
        store = new RowStore({ index, canSkip, source: sourceOf(filter, order), onChange, onProblem });
        store.want(0, FIRST_ROWS);
        await Promise.race([store.shown(), aborted(signal)]);
        signal.throwIfAborted();
        latest.current?.store.close();
        latest.current = { store, upTo, total, range, content };
        isForced.current = false;
        setShown(latest.current);
        setProblem(undefined);
        setHeld(false);
        setStale(false);
      } catch (error) {
        store?.close();
        if (signal.aborted) return;
        onProblem(error);
        if (error instanceof ApiProblem && error.retryAfter !== undefined)
          timer = setTimeout(attempt, error.retryAfter * 1000);
      }
    };
    setStale(latest.current?.content !== content);
    void attempt();
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [range?.text, filter, order, again]);
  useEffect(() => () => latest.current?.store.close(), []);
  const isCurrent = shown?.content === content && order === 'newest';
  const above = (isCurrent && newerThan(newest, shown.upTo)) || noNewRows;
  // Rows do not move away from somebody who reads.
  if (!isAway.current) frozen.current = { shown, newest: above };
  const shownAbove = frozen.current.shown === shown ? frozen.current.newest : noNewRows;
  const list = new RowList(shown?.store, shownAbove);
  const isWaiting = shownAbove.rows.at(-1) !== above.rows.at(-1);
  return {
    ...{ range: shown?.range, content: shown?.content ?? '', problem, isHeld: isHeld || isWaiting },
    ...{ list, isKnown: shown !== undefined, total: isByTime(order) ? list.total : (shown?.total ?? 0) },
    dropped: droppedOf(shownAbove),
    isStale: isStale || shown?.content !== content,
    showNewer: () => {
      isForced.current = true;
      refreshPage();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function readIndex(
  { from, to }: { readonly from: string; readonly to: string },
  filter: string,
  order: TableOrder,
  signal: AbortSignal,
): Promise<{ readonly index: RowIndex; readonly total: number }> {
  const range = { from: momentOf(from), to: momentOf(to) };
  if (!isByTime(order)) {
    const { connections } = (
      await ask('groups', { range: `${from}..${to}`, filter, ends: 'all' }, { signal })
    ).total;
    const block = { ...range, count: Math.min(connections, MOST_SORTED) };
    return { index: new RowIndex([block], 'oldest'), total: connections };
  }
  const step = `${stepSeconds(parseApiTime(from), parseApiTime(to), MOST_STEPS)}s`;
  const { series } = await ask('series', { range: `${from}..${to}`, filter, step, ends: 'all' }, { signal });
  const steps = (series[0]?.points ?? []).map(({ time, connections }) => ({
    time: momentOf(time),
    connections,
  }));
  const index = new RowIndex(blocksOf(range, steps), order);
  return { index, total: index.total };
}

function sourceOf(filter: string, order: TableOrder): RowSource<EndedConnection> {
  return {
    readPage: (question, signal) => ask('connections', { ...question, filter, order }, { signal }),
    count: async (range, signal) =>
      (await ask('groups', { range, filter, ends: 'all' }, { signal })).total.connections,
  };
}
