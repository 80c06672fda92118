/**
 * The grammar of filters: terms separated by spaces, all of which have to hold. A term is `field:value`, with alternatives
 * separated by commas, or a bare word that may occur anywhere; `-` or `!` before it turns it round. Quotes hold a value
 * with spaces together.
 */
import { anywhere, FilterError, fields, isPrefix } from './fields.js';
import type { Test } from './subject.js';

export interface Filter {
  /** Whether a connection meets all the terms that are right. */
  readonly matches: Test;
  /** Whether there is anything to meet. */
  readonly isEmpty: boolean;
  /** Mistakes in the other terms, a sentence each; these terms do not count. */
  readonly problems: readonly string[];
}

export const everything: Filter = { matches: () => true, isEmpty: true, problems: [] };

/** Parses a filter. It never throws: a term that makes no sense is among the filter's problems. */
export function parseFilter(text: string): Filter {
  const tests: Test[] = [];
  const problems: string[] = [];
  for (const word of splitWords(text)) {
    try {
      tests.push(parseTerm(word));
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      problems.push(error.message);
    }
  }
  const [only] = tests;
  const matches: Test =
    only !== undefined && tests.length === 1
      ? only
      : (subject, enrichment) => tests.every((test) => test(subject, enrichment));
  return { matches, isEmpty: tests.length === 0, problems };
}

/** Splits at spaces outside quotes. A quote that is not closed yet reaches to the end. */
function splitWords(text: string): string[] {
  return text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
}

function parseTerm(word: string): Test {
  const negated = /^[-!](?=.)/.test(word);
  const term = negated ? word.slice(1) : word;
  const test = parsePlain(term);
  return negated ? (subject, enrichment) => !test(subject, enrichment) : test;
}

function parsePlain(term: string): Test {
  const match = /^([A-Za-z_]+):(.*)$/s.exec(term);
  // `cafe::1` is an address.
  if (match === null || isPrefix(term)) return anywhere(unquote(term));
  const name = match[1]!.toLowerCase();
  const value = match[2]!;
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field === undefined) {
    throw new FilterError(
      `there is no field ${name}; write "${term.replaceAll('"', '')}" in quotes to look for it`,
    );
  }
  const items = splitItems(value).map(unquote);
  if (items.includes('')) throw new FilterError(`${name}: needs a value, such as ${name}:${field.example}`);
  const tests = items.map((item) => field.test(item, name));
  return tests.length === 1
    ? tests[0]!
    : (subject, enrichment) => tests.some((test) => test(subject, enrichment));
}

/** Splits at commas outside quotes. */
function splitItems(value: string): string[] {
  const items = [''];
  let quoted = false;
  for (const character of value) {
    if (character === '"') quoted = !quoted;
    if (character === ',' && !quoted) items.push('');
    else items[items.length - 1] += character;
  }
  return items;
}

function unquote(text: string): string {
  return text.replaceAll('"', '');
}
