/** Keys of the page. */
import { FILTER_INPUT } from '../filter/filter-bar.js';
import { nextTheme } from '../parts/theme.js';
import { refreshPage } from '../state/page-range.js';
import { changePage } from '../state/page-state.js';
import { shiftRange, showNow, togglePlay, zoomRange } from '../time/moves.js';
import { routes } from './routes.js';

/** A key, and what it does. */
export interface Shortcut {
  /** As `KeyboardEvent.key`; two with a space between are pressed one after the other. */
  readonly keys: string;
  readonly help: string;
  readonly run: () => void;
  /** Whether it does anything now. Default: always. */
  readonly isUseful?: () => boolean;
}

/** All keys, without those within parts of the page. */
export const shortcuts: readonly Shortcut[] = [
  { keys: '/', help: 'filter', run: () => document.getElementById(FILTER_INPUT)?.focus() },
  ...routes
    .filter(({ isListed }) => isListed)
    .map(({ name, title, key, isUseful }) => ({
      keys: `g ${key}`,
      help: title.startsWith('SQL') ? title : title.toLowerCase(),
      run: () => changePage({ view: name }),
      ...(isUseful !== undefined && { isUseful: () => isUseful.value }),
    })),
  { keys: '[', help: 'half a range earlier', run: () => shiftRange(-0.5) },
  { keys: ']', help: 'half a range later', run: () => shiftRange(0.5) },
  { keys: '+', help: 'zoom in', run: () => zoomRange(0.5) },
  { keys: '-', help: 'zoom out', run: () => zoomRange(2) },
  { keys: 'n', help: 'now', run: showNow },
  { keys: 'p', help: 'pause, or play', run: togglePlay },
  { keys: 'r', help: 'ask again', run: refreshPage },
  { keys: 't', help: 'light, dark, or as the system', run: nextTheme },
];

/** The keys that do something now. */
export function usefulShortcuts(): Shortcut[] {
  return shortcuts.filter(({ isUseful }) => isUseful?.() !== false);
}

const SEQUENCE_MS = 1500;

/** Runs shortcuts until the page is closed. @param help Shows all of them */
export function followKeys(help: () => void): void {
  let before = '';
  let beforeMs = 0;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const keys = Date.now() - beforeMs < SEQUENCE_MS && before !== '' ? `${before} ${event.key}` : event.key;
    before = event.key === 'g' ? 'g' : '';
    beforeMs = Date.now();
    if (keys === '?') help();
    const shortcut = usefulShortcuts().find((each) => each.keys === keys);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  });
}

function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, dialog') !== null;
}
