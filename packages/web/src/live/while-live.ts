/** When the stream is read: while the range ends now, somebody sees the page, and the server lets them. */
import { computed, effect, signal } from '@preact/signals';
import { loginReason, recovery } from '../api/server-state.js';
import { asksOthers } from '../state/follow-hosts.js';
import { isLive } from '../state/page-range.js';
import { currentFilter } from '../state/page-state.js';

const isSeen = signal(!document.hidden);
document.addEventListener('visibilitychange', () => {
  isSeen.value = !document.hidden;
});

// The stream is that of one host: of several, all answers are asked for again.
const isWanted = computed(
  () => isLive.value && isSeen.value && loginReason.value === undefined && !asksOthers.value,
);

/**
 * Begins to read, and again with another filter, or when the server is back.
 *
 * @param begin Returns what ends it.
 * @returns What ends all of it.
 */
export function whileLive(begin: (filter: string) => () => void): () => void {
  return effect(() => {
    const filter = currentFilter.value;
    void recovery.value;
    return isWanted.value ? begin(filter) : undefined;
  });
}
