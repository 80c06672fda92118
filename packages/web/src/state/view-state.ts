/** What the page shows, and how a link says it. Pure. */

/** The views, in the order of the navigation. */
export const viewNames = [
  'overview',
  'map',
  'table',
  'failures',
  'compare',
  'balancer',
  'sql',
  'settings',
  'connection',
] as const;

/** A view of the page. */
export type ViewName = (typeof viewNames)[number];

/** All that a link holds. */
export interface ViewState {
  readonly view: ViewName;
  /** A range as the API reads it: `-1h`, or two moments with `..` between them. */
  readonly range: string;
  /** A filter; empty: everything. */
  readonly filter: string;
  /** What the view alone knows, such as grouping, order and selection. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** The range of a link without one. */
export const USUAL_RANGE = '-1h';

/** What a page without a link shows. */
export const initialState: ViewState = {
  view: 'overview',
  range: USUAL_RANGE,
  filter: '',
  parameters: {},
};

/** The state that the fragment of an address says; what is unknown there is left out. */
export function parseHash(hash: string): ViewState {
  const text = hash.replace(/^#?\/?/, '');
  const mark = text.indexOf('?');
  const name = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1));
  const parameters: Record<string, string> = Object.create(null);
  for (const [key, value] of query) if (key !== 'range' && key !== 'filter') parameters[key] = value;
  return {
    view: viewNames.find((each) => each === name) ?? initialState.view,
    range: query.get('range')?.trim() || USUAL_RANGE,
    filter: query.get('filter') ?? '',
    parameters: { ...parameters },
  };
}

/** The fragment that says a state, with its parts always in the same order. */
export function formatHash({ view, range, filter, parameters }: ViewState): string {
  const query = new URLSearchParams();
  if (range !== USUAL_RANGE) query.set('range', range);
  if (filter !== '') query.set('filter', filter);
  for (const key of Object.keys(parameters).sort()) query.set(key, parameters[key]!);
  const text = query.toString();
  return `#/${view}${text === '' ? '' : `?${text}`}`;
}

/** A change of the state. A parameter that is undefined is removed. */
export interface StateChange {
  readonly view?: ViewName;
  readonly range?: string;
  readonly filter?: string;
  readonly parameters?: Readonly<Record<string, string | undefined>>;
}

/** The state after a change. Another view begins without the parameters of the one before. */
export function changeState(state: ViewState, change: StateChange): ViewState {
  const { view = state.view, range = state.range, filter = state.filter } = change;
  const merged = { ...(view === state.view ? state.parameters : {}), ...change.parameters };
  const kept = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { view, range, filter, parameters: Object.fromEntries(kept) };
}
