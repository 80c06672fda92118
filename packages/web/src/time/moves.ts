/** What buttons and keys do with the range of the page. */
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Span } from '../chart/steps.js';
import { isLive, pageRange } from '../state/page-range.js';
import { changePage, currentRange } from '../state/page-state.js';
import { USUAL_RANGE } from '../state/view-state.js';
import { moved, zoomed } from './brush-motion.js';
import { historySpan } from './history-span.js';
import { rangeBetween } from './range-text.js';

const playing = signal(false);
/** Whether the range moves on by itself through the past. */
export const isPlaying: ReadonlySignal<boolean> = playing;

/** The range to which `now` returns. */
const lastLive = signal(USUAL_RANGE);

const PLAY_MS = 1000;
/** The part of its length by which the range moves each time. */
const PLAY_PART = 0.1;

/** Remembers what was live, and plays, until the page is closed. */
export function followMoves(): void {
  effect(() => {
    if (isLive.value) {
      lastLive.value = currentRange.value;
      playing.value = false;
    }
  });
  effect(() => {
    if (!playing.value) return;
    const timer = setInterval(playOn, PLAY_MS);
    return () => clearInterval(timer);
  });
}

/** The page's range is a span. */
export function showSpan({ from, to }: Span, replace = false): void {
  changePage({ range: rangeBetween(from, to) }, { replace });
}

function wholeSpan(): Span {
  return { from: historySpan.value?.from ?? 0, to: Date.now() };
}

/** The range moves by a part of its length: -0.5 is half of it back. */
export function shiftRange(part: number): void {
  const range = pageRange.value;
  if (range !== undefined) showSpan(moved(range, (range.to - range.from) * part, wholeSpan()));
}

/** The range gets longer by a factor. */
export function zoomRange(factor: number): void {
  const range = pageRange.value;
  if (range !== undefined) showSpan(zoomed(range, factor, wholeSpan()));
}

/** The range follows now. */
export function showNow(): void {
  changePage({ range: lastLive.value });
}

/** A range that follows now stays where it is; a range in the past plays, or stops. */
export function togglePlay(): void {
  const range = pageRange.value;
  if (range === undefined) return;
  if (isLive.value) showSpan(range);
  else playing.value = !playing.value;
}

function playOn(): void {
  const range = pageRange.value;
  if (range === undefined || document.hidden) return;
  if (range.to >= Date.now() - PLAY_MS) {
    playing.value = false;
    return;
  }
  showSpan(moved(range, (range.to - range.from) * PLAY_PART, wholeSpan()), true);
}
