/** Shows the view that the address names. */
import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { currentView } from '../state/page-state.js';
import type { ViewName } from '../state/view-state.js';
import { routeOf } from './routes.js';

interface Loaded {
  readonly name: ViewName;
  readonly view: () => VNode;
}

const loaded = signal<Loaded | undefined>(undefined);
const failure = signal<string | undefined>(undefined);

/** The view, and until its script is there the one before. */
export function ViewOutlet(): VNode {
  const name = currentView.value;
  useEffect(() => {
    let isWanted = true;
    failure.value = undefined;
    routeOf(name)
      .load()
      .then(
        (view) => {
          if (isWanted) loaded.value = { name, view };
        },
        (error: Error) => {
          if (isWanted) failure.value = error.message;
        },
      );
    return () => {
      isWanted = false;
    };
  }, [name]);
  if (failure.value !== undefined)
    return (
      <p class="notice is-bad" role="alert">
        This view could not be loaded: {failure.value}. Reload the page.
      </p>
    );
  const { view: View, name: shown } = loaded.value ?? {};
  return View === undefined ? <p class="empty">Loading…</p> : <View key={shown} />;
}
