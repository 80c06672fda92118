/** The newest connections as they end. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EndedConnection } from '../../api/api-types.js';
import { readStream } from '../../api/live-stream.js';
import { knownUpTo } from '../../live/continue-answer.js';
import { whileLive } from '../../live/while-live.js';
import { pageRange, refreshPage } from '../../state/page-range.js';
import { type NewCount, type NewestRows, type NewRow, noNewRows, once, withNewRows } from './newest-rows.js';

/** More rows than the highest window shows, and the counts of a minute, after which there is another answer. */
const MOST = { rows: 200, counts: 4_000 };
/** Nobody reads rows that move faster. */
const SHOWN_MS = 250;

/** Reads the stream while the range ends now. @param isWanted Whether the table is in an order to which it can add */
export function useNewestRows(isWanted: boolean): NewestRows<EndedConnection> {
  const [shown, setShown] = useState<NewestRows<EndedConnection>>(noNewRows);
  const known = useRef<NewestRows<EndedConnection>>(noNewRows);
  useEffect(() => {
    if (!isWanted) return;
    const show = (rows: NewestRows<EndedConnection>) => {
      known.current = rows;
      setShown(rows);
    };
    const end = whileLive((filter) => {
      const end = follow(filter, () => known.current, show);
      return () => {
        end();
        show(noNewRows);
      };
    });
    return end;
  }, [isWanted]);
  return shown;
}

function follow(
  filter: string,
  known: () => NewestRows<EndedConnection>,
  show: (rows: NewestRows<EndedConnection>) => void,
): () => void {
  let rows: NewRow<EndedConnection>[] = [];
  let dropped: NewCount[] = [];
  let timer: number | undefined;
  const clear = () => {
    clearTimeout(timer);
    timer = undefined;
    rows = [];
    dropped = [];
  };
  const showSoon = () => {
    timer ??= setTimeout(() => {
      const next = withNewRows(known(), rows, dropped, MOST);
      clear();
      show(next);
    }, SHOWN_MS);
  };
  const end = readStream(
    { filter },
    {
      onBegin: (since) => {
        show({ ...noNewRows, since });
        const range = pageRange.peek();
        // Rows from before the stream cannot be continued.
        if (range !== undefined && knownUpTo(range.coverage) < since) refreshPage();
      },
      onConnection: (read, time, id) => {
        rows.push({ id, time, read: once(read) });
        showSoon();
      },
      onDropped: (count, id) => {
        dropped.push({ id, count, dropped: count });
        showSoon();
      },
      onEnd: () => {
        clear();
        show(noNewRows);
      },
    },
  );
  return () => {
    end();
    clear();
  };
}
