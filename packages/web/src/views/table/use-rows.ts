/** The rows of the table, for the range and the filter of the page. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EndedConnection } from '../../api/api-types.js';
import { ask } from '../../api/client.js';
import { ApiProblem } from '../../api/problem.js';
import { recovery } from '../../api/server-state.js';
import { isLive, type PageRange, pageRange } from '../../state/page-range.js';
import { currentFilter } from '../../state/page-state.js';
import { stepSeconds } from '../../time/range-text.js';
import { blocksOf, momentOf, RowIndex, type RowOrder } from './row-index.js';
import { type RowSource, RowStore } from './row-store.js';

/** Rows, as far as they are known. */
export interface TableRows {
  readonly store: RowStore<EndedConnection> | undefined;
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
const FIRST_ROWS = 50;

interface Shown {
  readonly store: RowStore<EndedConnection>;
  readonly range: PageRange;
  readonly content: string;
}

/** @param mayMove Whether newer rows may come in above, because nobody has scrolled away from there */
export function useRows(order: RowOrder, mayMove: () => boolean): TableRows {
  const range = pageRange.value;
  const filter = currentFilter.value;
  const again = recovery.value;
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const [problem, setProblem] = useState<ApiProblem | undefined>(undefined);
  const [isHeld, setHeld] = useState(false);
  const [isStale, setStale] = useState(true);
  const [forced, setForced] = useState(0);
  const [, setVersion] = useState(0);
  const latest = useRef<Shown | undefined>(undefined);
  const lastForced = useRef(0);
  const content = JSON.stringify([range?.asked, filter, order]);

  useEffect(() => {
    if (range === undefined) return;
    const isForced = lastForced.current !== forced;
    lastForced.current = forced;
    if (!isForced && isLive.value && latest.current?.content === content && !mayMove()) {
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
        const index = await readIndex(range, filter, order, signal);
        store = new RowStore({ index, source: sourceOf(filter, order), onChange, onProblem });
        store.want(0, FIRST_ROWS);
        await Promise.race([store.shown(), aborted(signal)]);
        signal.throwIfAborted();
        latest.current?.store.close();
        latest.current = { store, range, content };
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
  }, [range?.text, filter, order, again, forced]);
  useEffect(() => () => latest.current?.store.close(), []);
  return {
    ...{ store: shown?.store, range: shown?.range, content: shown?.content ?? '', problem, isHeld },
    isStale: isStale || shown?.content !== content,
    showNewer: () => setForced((count) => count + 1),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function readIndex(
  range: PageRange,
  filter: string,
  order: RowOrder,
  signal: AbortSignal,
): Promise<RowIndex> {
  const step = `${stepSeconds(range.from, range.to, MOST_STEPS)}s`;
  const { series } = await ask('series', { range: range.text, filter, step }, { signal });
  const [from = '', to = ''] = range.text.split('..');
  const steps = (series[0]?.points ?? []).map(({ time, connections }) => ({
    time: momentOf(time),
    connections,
  }));
  return new RowIndex(blocksOf({ from: momentOf(from), to: momentOf(to) }, steps), order);
}

function sourceOf(filter: string, order: RowOrder): RowSource<EndedConnection> {
  return {
    readPage: (question, signal) => ask('connections', { ...question, filter, order }, { signal }),
    count: async (range, signal) => (await ask('groups', { range, filter }, { signal })).total.connections,
  };
}
