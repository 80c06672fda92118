/** Terms of a filter that a click puts in or takes out. Pure. */
import { filterTerm, joinFilters } from '../../filter/filter-term.js';

/** Terms that all have to hold; undefined where the filter is more than that. */
export function termsOf(filter: string): string[] | undefined {
  const words = filter.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  const terms: string[] = [];
  let isNegated = false;
  for (const word of words) {
    const bare = word.replace(/"[^"]*"?/g, '');
    if (/[()]/.test(bare) || /^or$/i.test(word)) return undefined;
    if (/^and$/i.test(word)) continue;
    if (/^not$/i.test(word)) {
      isNegated = true;
      continue;
    }
    terms.push(isNegated ? `not ${word}` : word);
    isNegated = false;
  }
  return terms;
}

/** The opposite of a term. */
export function negated(term: string): string {
  const simple = /^not (\S+)$/.exec(term);
  if (simple !== null) return simple[1]!;
  return (termsOf(term)?.length ?? 2) === 1 ? `not ${term}` : `not (${term})`;
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

/** Whether a filter wants a term. */
export function hasTerm(filter: string, term: string): boolean {
  return termsOf(filter)?.includes(term) ?? false;
}

/** The filter with a term, or without it where it has it. With it, its opposite goes. */
export function toggleTerm(filter: string, term: string): string {
  const terms = termsOf(filter);
  if (terms?.includes(term)) return terms.filter((each) => each !== term).join(' ');
  const opposite = negated(term);
  const rest = terms?.includes(opposite) ? terms.filter((each) => each !== opposite).join(' ') : filter;
  return joinFilters(rest, term);
}
