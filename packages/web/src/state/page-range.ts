/** The range that is shown, as moments: the server says what the text of the address means, and what it does not know there. */
import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Coverage } from '../api/api-types.js';
import { ask } from '../api/client.js';
import type { ApiProblem } from '../api/problem.js';
import { recovery, serverAnswers } from '../api/server-state.js';
import { ownZone, parseApiTime } from '../format/time-text.js';
import { isLiveRange, refreshMs } from '../time/range-text.js';
import { currentRange } from './page-state.js';

/** A range with what is not known of it. */
export interface PageRange {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** As the API reads it. */
  readonly text: string;
  /** The text of the address that it comes from. */
  readonly asked: string;
  readonly coverage: Coverage;
}

const known = signal<PageRange | undefined>(undefined);
const problem = signal<ApiProblem | undefined>(undefined);
const refreshes = signal(0);

/** The range; undefined until the server has said it. While a new one is asked for, the one before. */
export const pageRange: ReadonlySignal<PageRange | undefined> = known;
/** Why the text of the address is no range. */
export const rangeProblem: ReadonlySignal<ApiProblem | undefined> = problem;
/** Whether it ends now, and so moves on. */
export const isLive = computed(() => isLiveRange(currentRange.value));

/** Asks for everything again. */
export function refreshPage(): void {
  refreshes.value++;
}

/** Keeps the range up to date until the page is closed. */
export function followRange(): void {
  let timer: number | undefined;
  let controller = new AbortController();
  effect(() => {
    const asked = currentRange.value;
    void refreshes.value;
    void recovery.value;
    controller.abort();
    controller = new AbortController();
    clearTimeout(timer);
    void follow(asked, controller.signal);
  });
  async function follow(asked: string, signal: AbortSignal): Promise<void> {
    let waitMs = 2_000;
    try {
      const coverage = await ask('losses', { range: asked, zone: ownZone }, { signal });
      const { from, to } = coverage.range;
      const moments = { from: parseApiTime(from), to: parseApiTime(to) };
      known.value = { ...moments, text: `${from}..${to}`, asked, coverage };
      problem.value = undefined;
      waitMs = refreshMs(moments.from, moments.to);
    } catch (error) {
      if (signal.aborted) return;
      problem.value = serverAnswers.value ? (error as ApiProblem) : undefined;
    }
    // A page that nobody sees asks nothing.
    const again = () => {
      if (document.hidden) timer = setTimeout(again, 1_000);
      else void follow(asked, signal);
    };
    if (isLiveRange(asked) && problem.value?.status !== 400) timer = setTimeout(again, waitMs);
  }
}
