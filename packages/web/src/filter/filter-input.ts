/** What the filter bar knows: what is typed, whether it makes sense, and what may follow. */
import { effect, signal } from '@preact/signals';
import { ask } from '../api/client.js';
import { ApiProblem } from '../api/problem.js';
import { formatShort } from '../format/number-text.js';
import { pageRange } from '../state/page-range.js';
import { changePage, currentFilter } from '../state/page-state.js';
import { rememberFilter, usedFilters } from './filter-history.js';
import { type OccurringValue, type Suggestions, suggest, wantedValues } from './suggestions.js';

/** What is typed; it holds once it is applied. */
export const typedFilter = signal(currentFilter.value);
/** Why it makes no sense. */
export const filterProblem = signal<ApiProblem | undefined>(undefined);

const nothing: Suggestions = { from: 0, to: 0, list: [] };
/** What may follow at the cursor. */
export const suggestions = signal<Suggestions>(nothing);

const MOST_VALUES = 200;
/** Values are asked for again after this time. */
const VALUES_MS = 30_000;

interface Values {
  readonly atMs: number;
  readonly list: Promise<readonly OccurringValue[]>;
}
const valuesByGroup = new Map<string, Values>();

/** Takes what the address says, and says what is wrong with it, until the page is closed. */
export function followFilter(): void {
  effect(() => {
    const filter = currentFilter.value;
    typedFilter.value = filter;
    filterProblem.value = undefined;
    if (filter !== '') void check(filter);
  });
}

/** The problem of a filter; undefined where it makes sense, or nobody answers. */
async function check(filter: string): Promise<ApiProblem | undefined> {
  try {
    await ask('connections', { range: '-1s', limit: 1, filter });
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.kind !== 'filter') return undefined;
    if (typedFilter.value === filter) filterProblem.value = error;
    return error;
  }
  if (typedFilter.value === filter) filterProblem.value = undefined;
  return undefined;
}

/** Uses what is typed, where it makes sense. */
export async function applyFilter(): Promise<void> {
  const filter = typedFilter.value.trim();
  closeSuggestions();
  if (filter !== '' && (await check(filter)) !== undefined) return;
  rememberFilter(filter);
  filterProblem.value = undefined;
  changePage({ filter });
}

/** Uses another filter. */
export function applyText(filter: string): void {
  typedFilter.value = filter;
  void applyFilter();
}

/** Nothing is suggested. */
export function closeSuggestions(): void {
  suggestions.value = nothing;
}

/** Suggests what may follow at the cursor. */
export async function openSuggestions(text: string, cursor: number): Promise<void> {
  const group = wantedValues(text, cursor);
  const show = (values: readonly OccurringValue[]) => {
    suggestions.value = suggest(text, cursor, values, usedFilters(), formatShort);
  };
  if (group === undefined) return show([]);
  const values = await valuesOf(group);
  if (typedFilter.value === text) show(values);
}

function valuesOf(group: string): Promise<readonly OccurringValue[]> {
  const known = valuesByGroup.get(group);
  if (known !== undefined && Date.now() - known.atMs < VALUES_MS) return known.list;
  const range = pageRange.value?.text;
  const list = ask('groups', {
    range,
    by: group,
    order: 'connections',
    limit: MOST_VALUES,
    ends: 'all',
  }).then(
    ({ groups }) =>
      groups.flatMap(({ key, connections }) => {
        const value = key[group];
        return value === null || value === undefined ? [] : [{ value: String(value), connections }];
      }),
    () => [],
  );
  valuesByGroup.set(group, { atMs: Date.now(), list });
  return list;
}
