/** What may stand at the cursor of the filter bar: words of the language, and values that occur. Pure. */
import { type Completion, completeFilter } from '@weir/tracer/filter/complete';
import { groupOfField, quoteValue } from './filter-term.js';

/** A text that can be put in. */
export interface Suggestion {
  readonly text: string;
  readonly help: string;
  readonly kind: 'field' | 'value' | 'word' | 'used';
}

/** What can be put in, and where. */
export interface Suggestions {
  /** The part of the text that a suggestion replaces. */
  readonly from: number;
  readonly to: number;
  readonly list: readonly Suggestion[];
}

/** A value that occurs, with how often. */
export interface OccurringValue {
  readonly value: string;
  readonly connections: number;
}

/** The field whose values would go on at the cursor, as answers are grouped by it; undefined where none would. */
export function wantedValues(text: string, cursor: number): string | undefined {
  const term = /([A-Za-z_.]+)(?:!=|[:=])[^\s"()]*$/.exec(text.slice(0, cursor));
  return term === null ? undefined : groupOfField(term[1]!.toLowerCase());
}

const MOST = 12;

/** Suggestions at a place of the text. @param values Those that occur of the field there, the most frequent first */
export function suggest(
  text: string,
  cursor: number,
  values: readonly OccurringValue[],
  used: readonly string[],
  formatCount: (count: number) => string,
): Suggestions {
  if (text.trim() === '') {
    const earlier = used.map((filter) => ({ text: filter, help: 'used before', kind: 'used' as const }));
    const { candidates } = completeFilter('', 0);
    return { from: 0, to: text.length, list: [...earlier.slice(0, 6), ...candidates].slice(0, MOST) };
  }
  const { from, to, candidates }: Completion = completeFilter(text, cursor);
  const typed = text.slice(from, to).toLowerCase();
  const occurring = values
    .filter(({ value }) => value.toLowerCase().includes(typed))
    .map(({ value, connections }) => ({
      text: quoteValue(value),
      help: `${formatCount(connections)} connection${connections === 1 ? '' : 's'}`,
      kind: 'value' as const,
    }));
  const known = new Set(occurring.map((each) => each.text));
  const list = [...occurring, ...candidates.filter((each) => !known.has(each.text))];
  return { from, to, list: list.slice(0, MOST) };
}

/** The text with a suggestion put in, and where the cursor is then. */
export function accept(text: string, { from, to }: Suggestions, { text: put, kind }: Suggestion) {
  if (kind === 'used') return { text: put, cursor: put.length };
  const space = kind === 'value' && !/^\s/.test(text.slice(to)) ? ' ' : '';
  const next = `${text.slice(0, from)}${put}${space}${text.slice(to)}`;
  return { text: next, cursor: from + put.length + space.length };
}
