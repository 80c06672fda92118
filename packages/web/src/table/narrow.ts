/** Whether the window is as narrow as a phone's. */
import { type ReadonlySignal, signal } from '@preact/signals';

const query = matchMedia('(max-width: 640px)');
const narrow = signal(query.matches);
query.addEventListener('change', ({ matches }) => {
  narrow.value = matches;
});

/** Tables are lists of cards there. */
export const isNarrow: ReadonlySignal<boolean> = narrow;
