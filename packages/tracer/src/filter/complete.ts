/**
 * What may follow while a filter is typed. Needs nothing of Node.js but the names of errors.
 *
 * @module @weir/tracer/filter/complete
 */
import { type FilterField, fieldNamed, filterFields } from './filter-fields.js';

/** A text that may stand in place of what was typed of it. */
export interface CompletionCandidate {
  readonly text: string;
  readonly kind: 'field' | 'value' | 'word';
  readonly help: string;
}

/** What may stand at the cursor. */
export interface Completion {
  /** The part of the text that a candidate replaces: from this index on, */
  readonly from: number;
  /** up to this one. */
  readonly to: number;
  /** The best first; at most 100. */
  readonly candidates: readonly CompletionCandidate[];
}

const MAX_CANDIDATES = 100;
/** What was typed of a term is looked at from at most so many characters before the cursor. */
const MAX_TERM = 1_024;

const keywords: readonly CompletionCandidate[] = [
  { text: 'and ', kind: 'word', help: 'both have to hold' },
  { text: 'or ', kind: 'word', help: 'one of both has to hold' },
  { text: 'not ', kind: 'word', help: 'the next term must not hold' },
];

/** Which texts may stand at the cursor. @param cursor Index in the text, by default its end. */
export function completeFilter(text: string, cursor: number = text.length): Completion {
  const to = Math.max(0, Math.min(Math.trunc(cursor), text.length));
  const typed = text.slice(Math.max(0, to - MAX_TERM), to);
  const term = typedTerm(typed);
  if (term === undefined) return { from: to, to, candidates: [] };
  const match = /^([A-Za-z_.]+)(!=|>=|<=|[:=<>])(.*)$/s.exec(term);
  if (match === null) {
    const wanted = term.toLowerCase();
    const isFirst = text.slice(0, to - term.length).trim() === '';
    return { from: to - term.length, to, candidates: namesLike(wanted, isFirst) };
  }
  const [, name = '', operator = '', values = ''] = match;
  const value = values.slice(values.lastIndexOf(',') + 1);
  const field = fieldNamed(name.toLowerCase());
  const isList = operator === ':' || operator === '=' || operator === '!=';
  const candidates = field === undefined || !isList ? [] : valuesLike(field, value);
  return { from: to - value.length, to, candidates };
}

/** The last term before the cursor, without what negates or groups it; undefined within quotes. */
function typedTerm(typed: string): string | undefined {
  if ((typed.match(/"/g)?.length ?? 0) % 2 === 1) return undefined;
  const word = /\S*$/.exec(typed)![0];
  const term = word.replace(/^[(!-]+/, '');
  return term.includes('"') || term.endsWith(')') ? undefined : term;
}

function namesLike(wanted: string, isFirst: boolean): CompletionCandidate[] {
  const named = filterFields.flatMap((field) => {
    const found = [field.name, ...field.aliases].find((name) => name.startsWith(wanted));
    return found === undefined ? [] : [candidateOf(field, found)];
  });
  const words = keywords.filter(({ text }) => text.startsWith(wanted) && (!isFirst || text === 'not '));
  const [exact, others] = [named, named].map((list, index) =>
    list.filter(({ text }) => (text.slice(0, -1) === wanted) === (index === 0)),
  );
  return [...exact!, ...others!, ...(wanted === '' && isFirst ? [] : words)].slice(0, MAX_CANDIDATES);
}

function candidateOf(field: FilterField, name: string): CompletionCandidate {
  return { text: `${name}:`, kind: 'field', help: `${field.help}, such as ${field.example}` };
}

function valuesLike(field: FilterField, value: string): CompletionCandidate[] {
  const wanted = value.toLowerCase();
  const all = field.values ?? (value === '' ? [field.example] : []);
  const found = all.filter((item) => item.toLowerCase().startsWith(wanted));
  return found.slice(0, MAX_CANDIDATES).map((text) => ({ text, kind: 'value', help: field.help }));
}
