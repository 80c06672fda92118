/** Sums of what has ended since the answers that the page shows: they continue these until the next ones come. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { readStream } from '../api/live-stream.js';
import { pageRange, refreshPage } from '../state/page-range.js';
import { knownUpTo, type LiveEvent, type LiveSums, noLiveSums, withEvents } from './continue-answer.js';
import { whileLive } from './while-live.js';

const known = signal<LiveSums>(noLiveSums);
/** What has come. It changes a few times a second at most. */
export const liveSums: ReadonlySignal<LiveSums> = known;

/** Nobody reads figures that change faster. */
const SHOWN_MS = 250;
/** Events that are kept: those of a minute, after which every answer has come anew. */
const MOST_EVENTS = 4_000;

/** Follows the stream until the page is closed. */
export function followSums(): void {
  whileLive((filter) => {
    let waiting: LiveEvent[] = [];
    let timer: number | undefined;
    const show = () => {
      timer = undefined;
      known.value = withEvents(known.peek(), waiting, MOST_EVENTS);
      waiting = [];
    };
    const clear = () => {
      waiting = [];
      clearTimeout(timer);
      timer = undefined;
      known.value = noLiveSums;
    };
    const end = readStream(
      { filter, sums: 'second' },
      {
        onBegin: (id) => {
          known.value = { since: id, events: [] };
          const range = pageRange.peek();
          // Answers from before the stream cannot be continued.
          if (range !== undefined && knownUpTo(range.coverage) < id) refreshPage();
        },
        onSums: (seconds, id) => {
          waiting.push({ id, seconds });
          timer ??= setTimeout(show, SHOWN_MS);
        },
        onEnd: clear,
      },
    );
    return () => {
      end();
      clear();
    };
  });
}
