/** Connections as they end. */
import type { EndedConnection, Loss } from './api-types.js';
import { addressOf } from './client.js';

/** What comes from the stream. */
export interface StreamHandlers {
  readonly onConnection: (connection: EndedConnection) => void;
  readonly onLoss?: (loss: Loss) => void;
  /** This page was too slow, and so many connections did not come. The history has them. */
  readonly onDropped?: (count: number) => void;
  /** Whether the stream is open. It is opened again by itself. */
  readonly onOpen?: (isOpen: boolean) => void;
}

const AGAIN_MS = 5_000;

/** Reads the stream until the function that it returns is called. */
export function readStream(filter: string, handlers: StreamHandlers): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  const open = () => {
    const opened = new EventSource(addressOf('stream', { filter }));
    source = opened;
    const on = <Data>(name: string, handle: ((data: Data) => void) | undefined) =>
      opened.addEventListener(name, (event) => handle?.(JSON.parse((event as MessageEvent<string>).data)));
    on('connection', handlers.onConnection);
    on('loss', handlers.onLoss);
    on<{ readonly count: number }>('dropped', ({ count }) => handlers.onDropped?.(count));
    opened.onopen = () => handlers.onOpen?.(true);
    opened.onerror = () => {
      handlers.onOpen?.(false);
      // After an answer that is no stream, a browser does not try again.
      if (opened.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
