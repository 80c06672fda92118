/** The choices of the person at the keyboard. */
import { noFilter, parseTopFilter, type TopFilter } from '../filter/top-filter.js';
import { defaultSort, type RowKey, type Sort, type ViewName, viewNames } from '../table/views.js';

export type Mode = 'table' | 'filter' | 'details' | 'help';

export interface State {
  readonly view: ViewName;
  readonly sorts: Readonly<Record<ViewName, Sort>>;
  readonly filterText: string;
  readonly filter: TopFilter;
  readonly mode: Mode;
  /** The value of `filterText` before the person began to type. */
  readonly filterBefore: string;
  /** The row that the keys act on; undefined: the first. */
  readonly selected: RowKey | undefined;
  /** The place of that row when it was last shown, in case it goes away. */
  readonly cursor: number;
  /** The connection whose details are shown. */
  readonly connectionId: number | undefined;
  /** Live: the screen stays. In the past: it is not playing. */
  readonly paused: boolean;
  /** Live: between refreshes. In the past: a step. */
  readonly intervalMs: number;
  readonly isPast: boolean;
}

export interface Choices {
  readonly view: ViewName;
  readonly sort: Sort | undefined;
  readonly filterText: string;
  readonly intervalMs: number;
  readonly isPast?: boolean;
}

export function initialState({ view, sort, filterText, intervalMs, isPast = false }: Choices): State {
  const sorts = Object.fromEntries(viewNames.map((name) => [name, defaultSort(name)])) as Record<
    ViewName,
    Sort
  >;
  if (sort !== undefined) sorts[view] = sort;
  const base: State = {
    ...{ view, sorts, filterText: '', filter: noFilter, mode: 'table', filterBefore: '' },
    ...{ selected: undefined, cursor: 0, connectionId: undefined, paused: isPast, intervalMs, isPast },
  };
  return withFilter(base, filterText);
}

export function withFilter(state: State, filterText: string): State {
  return { ...state, filterText, filter: filterText.trim() === '' ? noFilter : parseTopFilter(filterText) };
}
