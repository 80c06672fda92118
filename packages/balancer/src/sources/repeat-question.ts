/** Questions that are repeated, later after failures. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FoundReal } from './found-real.js';
import { type Source, type SourceEvents, waitAfter } from './source.js';

/** An answer, and when to ask again. */
export interface Asked {
  readonly reals: readonly FoundReal[];
  readonly waitMs: number;
}

/** Asks until it is disposed of. */
export function repeatQuestion(events: SourceEvents, ask: (signal: AbortSignal) => Promise<Asked>): Source {
  const end = new AbortController();
  const { signal } = end;
  const run = async () => {
    for (let failures = 0; !signal.aborted; ) {
      let waitMs: number;
      try {
        const answer = await ask(signal);
        if (signal.aborted) return;
        const counts = events.answer(answer.reals);
        failures = counts ? 0 : failures + 1;
        waitMs = counts ? answer.waitMs : waitAfter(failures);
      } catch (error) {
        if (signal.aborted) return;
        events.fails(error as Error);
        waitMs = waitAfter(++failures);
      }
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  };
  void run();
  return { [Symbol.dispose]: () => end.abort() };
}
