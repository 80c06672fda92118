/** The effect of each key on the state of the screen. Pure. */
import { parseTopFilter } from '../filter/top-filter.js';
import { columnsOf, type Sheet, viewNames } from '../table/views.js';
import { type State, withFilter } from './state.js';

/** A key, by its name, or the characters that were typed or pasted. */
export interface Key {
  readonly text: string;
  readonly name?:
    | 'up'
    | 'down'
    | 'left'
    | 'right'
    | 'pageup'
    | 'pagedown'
    | 'home'
    | 'end'
    | 'enter'
    | 'escape'
    | 'backspace'
    | undefined;
  readonly ctrl?: boolean;
}

/** A step in time. */
export type Step = 'back' | 'on' | 'minute-back' | 'minute-on';

/** An effect of a key beyond the screen. `play`: it begins or stops playing. */
export type Effect = 'quit' | 'suspend' | 'play' | Step | undefined;

export interface Outcome {
  readonly state: State;
  readonly effect?: Effect;
}

/** The rows in which keys move. */
export interface Scene {
  readonly sheet: Sheet;
  /** Rows that the table has room for. */
  readonly page: number;
}

/** Intervals between refreshes, in milliseconds, through which `+` and `-` step. */
export const intervals = [250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

const steps: Readonly<Record<string, Step>> = {
  '[': 'back',
  ']': 'on',
  '{': 'minute-back',
  '}': 'minute-on',
};

export function press(state: State, key: Key, scene: Scene): Outcome {
  if (key.ctrl && key.text === 'c') return { state, effect: 'quit' };
  if (key.ctrl && key.text === 'z') return { state, effect: 'suspend' };
  if (state.mode === 'filter') return { state: typeFilter(state, key) };
  if (key.text === 'q') return { state, effect: 'quit' };
  if (key.text === ' ') {
    return { state: { ...state, paused: !state.paused }, effect: state.isPast ? 'play' : undefined };
  }
  if (state.isPast && Object.hasOwn(steps, key.text))
    return { state: { ...state, paused: true }, effect: steps[key.text] };
  if (key.text === '+' || key.text === '=') return { state: stepInterval(state, 1) };
  if (key.text === '-') return { state: stepInterval(state, -1) };
  if (key.text === '?' || key.text === 'h') {
    return { state: { ...state, mode: state.mode === 'help' ? 'table' : 'help' } };
  }
  if (state.mode !== 'table') {
    const leaves =
      key.name === 'escape' || key.name === 'enter' || key.name === 'left' || key.name === 'backspace';
    if (leaves) return { state: { ...state, mode: 'table' } };
  }
  const view = viewNames[Number(key.text) - 1];
  if (view !== undefined) {
    return { state: { ...state, view, mode: 'table', selected: undefined, cursor: 0 } };
  }
  return { state: state.mode === 'table' ? pressInTable(state, key, scene) : state };
}

function pressInTable(state: State, key: Key, scene: Scene): State {
  switch (key.name) {
    case 'up':
      return move(state, -1, scene);
    case 'down':
      return move(state, 1, scene);
    case 'pageup':
      return move(state, -scene.page, scene);
    case 'pagedown':
      return move(state, scene.page, scene);
    case 'home':
      return move(state, Number.NEGATIVE_INFINITY, scene);
    case 'end':
      return move(state, Number.POSITIVE_INFINITY, scene);
    case 'left':
      return moveSort(state, -1);
    case 'right':
      return moveSort(state, 1);
    case 'enter':
      return enter(state, scene);
    case 'escape':
      return { ...withFilter(state, ''), selected: undefined, cursor: 0 };
  }
  switch (key.text) {
    case 'k':
      return move(state, -1, scene);
    case 'j':
      return move(state, 1, scene);
    case 'g':
      return move(state, Number.NEGATIVE_INFINITY, scene);
    case 'G':
      return move(state, Number.POSITIVE_INFINITY, scene);
    case '<':
      return moveSort(state, -1);
    case '>':
      return moveSort(state, 1);
    case 'r':
      return reverse(state);
    case '/':
      return { ...state, mode: 'filter', filterBefore: state.filterText };
    default:
      return state;
  }
}

function typeFilter(state: State, key: Key): State {
  switch (key.name) {
    case 'enter':
      return { ...state, mode: 'table' };
    case 'escape':
      return { ...withFilter(state, state.filterBefore), mode: 'table' };
    case 'backspace':
      return key.ctrl ? edit(state, '') : edit(state, [...state.filterText].slice(0, -1).join(''));
  }
  if (key.ctrl && key.text === 'u') return edit(state, '');
  if (key.ctrl && key.text === 'w') return edit(state, state.filterText.replace(/\S*\s*$/, ''));
  if (key.ctrl || key.name !== undefined) return state;
  // Pasted text may hold control characters.
  const typed = key.text.replace(/\p{Cc}+/gu, ' ');
  return edit(state, (state.filterText + typed).slice(0, 1_000));
}

function edit(state: State, text: string): State {
  return { ...withFilter(state, text), selected: undefined, cursor: 0 };
}

/** The place of the row that keys act on. */
export function cursorOf(state: State, sheet: Sheet): number {
  const index = state.selected === undefined ? -1 : sheet.indexOf(state.selected);
  return Math.max(0, Math.min(index < 0 ? state.cursor : index, sheet.size - 1));
}

function move(state: State, by: number, { sheet }: Scene): State {
  if (sheet.size === 0) return state;
  const cursor = Math.max(0, Math.min(cursorOf(state, sheet) + by, sheet.size - 1));
  return { ...state, cursor, selected: sheet.key(cursor) };
}

function moveSort(state: State, by: number): State {
  const { view, sorts, isPast } = state;
  const columns = columnsOf(view, isPast);
  const index = columns.findIndex(({ id }) => id === sorts[view].column);
  const { id, descending } = columns[(index + by + columns.length) % columns.length]!;
  return { ...state, sorts: { ...sorts, [view]: { column: id, descending } } };
}

function reverse(state: State): State {
  const { view, sorts } = state;
  const { column, descending } = sorts[view];
  return { ...state, sorts: { ...sorts, [view]: { column, descending: !descending } } };
}

/** Opens the details of a connection, or the connections of a process, a peer or a socket. */
function enter(state: State, { sheet }: Scene): State {
  if (sheet.size === 0) return state;
  const cursor = cursorOf(state, sheet);
  const connection = sheet.connection(cursor);
  if (connection !== undefined) {
    return { ...state, mode: 'details', connectionId: connection.id, cursor, selected: sheet.key(cursor) };
  }
  const filterText = sheet.drillDown(cursor);
  if (filterText === undefined) return state;
  const narrowed = `${state.filterText.trim()} ${filterText}`.trim();
  return {
    ...state,
    ...{ view: 'connections', selected: undefined, cursor: 0, filterText: narrowed },
    filter: parseTopFilter(narrowed),
  };
}

function stepInterval(state: State, by: 1 | -1): State {
  const next =
    by > 0
      ? intervals.find((interval) => interval > state.intervalMs)
      : intervals.findLast((interval) => interval < state.intervalMs);
  return next === undefined ? state : { ...state, intervalMs: next };
}
