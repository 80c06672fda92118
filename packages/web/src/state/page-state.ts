/** The state of the page as signals. The address bar has it, too, so that back, forward, reload and links work. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { changeState, formatHash, parseHash, type StateChange, type ViewState } from './view-state.js';

const current = signal<ViewState>(parseHash(location.hash));

/** What is shown. */
export const pageState: ReadonlySignal<ViewState> = current;
/** The view that is shown. */
export const currentView = computed(() => current.value.view);
/** The range that is shown, as the API reads it. */
export const currentRange = computed(() => current.value.range);
/** The filter that holds. */
export const currentFilter = computed(() => current.value.filter);

/** Follows the address bar until the page is closed. */
export function followAddress(): void {
  addEventListener('hashchange', () => {
    current.value = parseHash(location.hash);
  });
}

/** How a change gets into the browser's history. */
export interface ChangeOptions {
  /** It takes the place of the entry before, as while something is typed or dragged. Default false. */
  readonly replace?: boolean;
}

/** Changes the state, and the address with it. */
export function changePage(change: StateChange, { replace = false }: ChangeOptions = {}): void {
  const next = changeState(current.value, change);
  const hash = formatHash(next);
  if (hash === formatHash(current.value)) return;
  if (replace) history.replaceState(null, '', hash);
  else history.pushState(null, '', hash);
  current.value = next;
}

/** The address of a changed state, for `href`. */
export function linkTo(change: StateChange): string {
  return formatHash(changeState(current.value, change));
}

/** A parameter of the view. @param usual Its value where the link has none; such a value is not in the link */
export function viewParameter(name: string, usual = '') {
  const value = computed(() => current.value.parameters[name] ?? usual);
  return {
    value,
    set: (next: string, options?: ChangeOptions) =>
      changePage({ parameters: { [name]: next === usual ? undefined : next } }, options),
  };
}
