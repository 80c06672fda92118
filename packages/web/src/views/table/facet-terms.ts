/** Terms of a filter that a click puts in or takes out. Pure. */
import { filterTerm, joinFilters } from '../../filter/filter-term.js';

/** Terms that all have to hold, one in parentheses as a whole; undefined where the filter is more than that. */
export function termsOf(filter: string): string[] | undefined {
  const terms: string[] = [];
  let isNegated = false;
  for (const word of wordsOf(filter)) {
    if (/^or$/i.test(word)) return undefined;
    if (/^and$/i.test(word)) continue;
    if (/^not$/i.test(word)) {
      if (isNegated) return undefined;
      isNegated = true;
      continue;
    }
    terms.push(isNegated ? `not ${word}` : word);
    isNegated = false;
  }
  return terms;
}

/** What spaces separate outside of quotes and parentheses. */
function wordsOf(filter: string): string[] {
  const words: string[] = [];
  let word = '';
  let depth = 0;
  for (const [piece] of filter.matchAll(/"[^"]*"?|[^"]/g)) {
    if (piece === '(') depth++;
    if (piece === ')') depth--;
    if (depth <= 0 && /^\s$/.test(piece)) {
      if (word !== '') words.push(word);
      word = '';
    } else word += piece;
  }
  return word === '' ? words : [...words, word];
}

/** The opposite of a term, or of several that all hold. */
export function negated(term: string): string {
  const terms = termsOf(term);
  if (terms?.length !== 1) return `not (${term})`;
  const positive = /^not (.*)$/s.exec(term)?.[1];
  if (positive === undefined) return `not ${term}`;
  return /^\(.*\)$/s.test(positive) ? positive.slice(1, -1) : positive;
}

/** The term of a value of a field; undefined where the language has none. @param isWithout Everything but the value */
export function valueTerm(
  field: string,
  value: string | number | null,
  isWithout = false,
): string | undefined {
  const term = filterTerm(field, value);
  return term !== undefined && isWithout ? negated(term) : term;
}

/** Whether a filter wants a term, or several that belong together. */
export function hasTerm(filter: string, term: string): boolean {
  const terms = termsOf(filter);
  return terms !== undefined && (termsOf(term) ?? [term]).every((part) => terms.includes(part));
}

/** The filter with a term, or without it where it has it. With it, its opposite goes. */
export function toggleTerm(filter: string, term: string): string {
  if (hasTerm(filter, term)) return withoutTerm(filter, term);
  const opposite = negated(term);
  return joinFilters(hasTerm(filter, opposite) ? withoutTerm(filter, opposite) : filter, term);
}

function withoutTerm(filter: string, term: string): string {
  const parts = termsOf(term) ?? [term];
  return (termsOf(filter) ?? []).filter((each) => !parts.includes(each)).join(' ');
}
