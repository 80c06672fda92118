/** Asks which hosts there are, where answers are those of several. */
import { computed, effect } from '@preact/signals';
import { ask } from '../api/client.js';
import { recovery } from '../api/server-state.js';
import { knowHosts } from './host-names.js';
import { pageRange } from './page-range.js';

/** Whether answers are those of several hosts; false until that is known. */
export const asksOthers = computed(() => pageRange.value?.coverage.incomplete !== undefined);

const AGAIN_MS = 60_000;

/** Asks when the page begins, and now and then where there are several, until the page is closed. */
export function followHosts(): void {
  let timer: number | undefined;
  effect(() => {
    const isAgain = asksOthers.value;
    void recovery.value;
    const controller = new AbortController();
    const follow = async () => {
      try {
        knowHosts((await ask('hosts', {}, { signal: controller.signal })).hosts);
      } catch {
        // Other questions say what is wrong.
      }
      if (isAgain && !controller.signal.aborted) timer = window.setTimeout(follow, AGAIN_MS);
    };
    void follow();
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  });
}
