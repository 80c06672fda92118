/** Whether the view of balancers has anything to show. */
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import { ask } from '../api/client.js';
import { recovery } from '../api/server-state.js';

const known = signal(false);

/** Whether there is a balancer, or was one in what is kept; false until that is known. */
export const hasBalancer: ReadonlySignal<boolean> = known;

const AGAIN_MS = 30_000;

/** Asks until there is one, or the page is closed. */
export function followBalancer(): void {
  let timer: number | undefined;
  let controller = new AbortController();
  effect(() => {
    void recovery.value;
    controller.abort();
    controller = new AbortController();
    clearTimeout(timer);
    void follow(controller.signal);
  });
  async function follow(signal: AbortSignal): Promise<void> {
    try {
      known.value = (await ask('status', {}, { signal })).balancer;
    } catch {
      // Other questions say what is wrong.
      if (signal.aborted) return;
    }
    const again = () => {
      if (document.hidden) timer = setTimeout(again, 1_000);
      else void follow(signal);
    };
    if (!known.value) timer = setTimeout(again, AGAIN_MS);
  }
}
