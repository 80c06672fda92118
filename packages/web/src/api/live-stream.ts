/** The live stream: connections as they end, or sums of them. */
import type { EndedConnection, SecondSums } from './api-types.js';
import { addressOf, ask } from './client.js';
import type { ApiProblem } from './problem.js';

/** What comes from the stream. Ids are times up to which everything is in the history. */
export interface StreamHandlers {
  /** The stream has everything from here on. */
  readonly onBegin: (id: string) => void;
  readonly onSums?: (seconds: readonly SecondSums[], id: string) => void;
  /** @param read Parses it @param time When it ended */
  readonly onConnection?: (read: () => EndedConnection, time: string, id: string) => void;
  /** This page was too slow, and so many connections did not come. The history has them. */
  readonly onDropped?: (count: number, id: string) => void;
  /** The stream ended. It is opened again by itself while the server answers. */
  readonly onEnd: () => void;
}

/** What is wanted of it. */
export interface StreamQuestion {
  readonly filter: string;
  readonly sums?: 'second';
}

const AGAIN_MS = 3_000;

/** Reads the stream until the function that it returns is called. */
export function readStream({ filter, sums }: StreamQuestion, handlers: StreamHandlers): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let isOver = false;
  const open = () => {
    const opened = new EventSource(addressOf('stream', { filter, sums }));
    source = opened;
    let hasBegun = false;
    const on = (name: string, handle: (data: string, id: string) => void) =>
      opened.addEventListener(name, ({ data, lastEventId }: MessageEvent<string>) => {
        // A server that has stored nothing yet cannot say where it begins.
        if (!hasBegun && lastEventId !== '') handlers.onBegin(lastEventId);
        hasBegun ||= lastEventId !== '';
        handle(data, lastEventId);
      });
    on('begin', () => {});
    on('sums', (data, id) => handlers.onSums?.(JSON.parse(data) as SecondSums[], id));
    on('connection', (data, id) => {
      // The first member of this name is the connection's own: most of them are never parsed.
      const time = /"time":"([^"]*)"/.exec(data)?.[1] ?? '';
      handlers.onConnection?.(() => JSON.parse(data) as EndedConnection, time, id);
    });
    on('dropped', (data, id) =>
      handlers.onDropped?.((JSON.parse(data) as { readonly count: number }).count, id),
    );
    opened.onerror = () => {
      opened.close();
      handlers.onEnd();
      void again();
    };
  };
  const again = async () => {
    try {
      await ask('status', {});
    } catch (error) {
      // Somebody has to log in, or the server is waited for: whoever reads the stream begins anew then.
      const { status, kind } = error as ApiProblem;
      if (status === 401 || status === 0 || kind === 'unknown') return;
    }
    if (!isOver) timer = setTimeout(open, AGAIN_MS);
  };
  open();
  return () => {
    isOver = true;
    clearTimeout(timer);
    source?.close();
  };
}
