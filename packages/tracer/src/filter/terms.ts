/** Terms, as far as their name and operator. */

import { nearest } from '@weir/ebpf/nearest';
import type { FilterProblem } from './filter-error.js';
import { fieldNamed, fieldNames } from './filter-fields.js';
import { networkOf } from './networks.js';
import type { Operator } from './values.js';

/** A term that begins with the name of a field. */
export interface Term {
  readonly name: string;
  readonly operator: Operator | '!=';
  readonly value: string;
}

/** Splits a term. undefined: it is no term with a field. `cafe::1` is an address, `db.example.com:5432` a text. */
export function splitTerm(text: string): Term | undefined {
  const match = /^([A-Za-z_][A-Za-z_.]*)(!=|>=|<=|[:=<>])(.*)$/s.exec(text);
  if (match === null || networkOf(text) !== undefined) return undefined;
  const [, name = '', operator, value = ''] = match;
  if (name.includes('.') && fieldNamed(name.toLowerCase()) === undefined) return undefined;
  return { name, operator: operator as Term['operator'], value };
}

/** What is wrong with a term whose field does not exist. @param text The term as it was written. */
export function unknownField(
  name: string,
  { operator, value }: Term,
  text: string,
): Omit<FilterProblem, 'column'> {
  const better = nearest(name, fieldNames);
  const quoted = `"${text.replaceAll('"', '')}"`;
  return {
    problem: `there is no field ${name}; write ${quoted} in quotes to look for it`,
    expected: 'the name of a field',
    suggestion: better && `${better}${operator}${value}`,
  };
}

/** Words that are hardly ever looked for, and mostly meant otherwise. */
export function wordMistake(text: string): Omit<FilterProblem, 'column'> | undefined {
  const word = { '&&': 'and', '||': 'or' }[text];
  if (word !== undefined) {
    const problem = `${text} is written "${word}"; put ${text} in quotes to look for it`;
    return { problem, expected: word, suggestion: word };
  }
  const operator = /^(?:[<>]=?|=)/.exec(text)?.[0];
  if (operator === undefined) return undefined;
  const problem = `${operator} stands right behind the name of a field, as in bytes${operator}1M; in quotes, it is looked for`;
  return { problem, expected: 'a term' };
}
