/** Values of a term, by the type of its field. */

import { nearest } from '@weir/ebpf/nearest';
import { unescapeName } from '../json/unescape.js';
import type { FilterField } from './filter-fields.js';
import { networkOf } from './networks.js';
import type { Item } from './tokens.js';
import type { Comparison, FilterValue, PatternPart } from './tree.js';
import { amountForms, parseAmount } from './units.js';

/** `:` finds a part, `=` compares the whole. */
export type Operator = ':' | '=' | Comparison;

/** A value and all that its meaning depends on. */
export interface ValueInput {
  readonly field: FilterField;
  /** The field's name, as it was written. */
  readonly name: string;
  readonly operator: Operator;
  readonly item: Item;
  /** Whether more may follow, so that what finds nothing yet is no mistake. */
  readonly typing: boolean;
  /** The id of a user; undefined for a name that nobody has. */
  readonly users: ((name: string) => number | undefined) | undefined;
}

/** What is wrong with a value. */
export interface ValueProblem {
  readonly problem: string;
  readonly expected?: string;
  readonly suggestion?: string | undefined;
}

const MAX_PORT = 65_535;
/** A pattern takes time for each of them. */
const MAX_WILDCARDS = 64;

/** The values that an item stands for: a word that is cut short may stand for several. */
export function parseValue(input: ValueInput): readonly FilterValue[] | ValueProblem {
  const { field, name, operator, item } = input;
  if (item.text === '') {
    const example = `${name}:${field.example}`;
    return { problem: `${name}: needs a value, such as ${example}`, expected: example };
  }
  const [piece] = item.pieces;
  if (operator === '=' && item.pieces.length === 1 && piece?.text === '*' && !piece.quoted) {
    return [{ kind: 'present' }];
  }
  switch (field.type) {
    case 'text':
      return isComparison(operator) ? takesNoComparison(input) : textValue(input);
    case 'word':
      return isComparison(operator) ? takesNoComparison(input) : wordValues(input);
    case 'address':
      return isComparison(operator) ? takesNoComparison(input) : addressValue(input);
    default:
      return numberValue(input);
  }
}

function isComparison(operator: Operator): operator is Comparison {
  return operator !== ':' && operator !== '=';
}

function takesNoComparison({ name, field, operator, item }: ValueInput): ValueProblem {
  return {
    problem: `${name}: cannot be compared by ${operator}, only by : and =`,
    expected: `${name}:${field.example}`,
    suggestion: `${name}:${item.text}`,
  };
}

function textValue(input: ValueInput): readonly FilterValue[] | ValueProblem {
  const { field, name, operator, item } = input;
  const value = operator === '=' ? patternOf(input) : partOf(item);
  if ('problem' in value) return value;
  const { known } = field;
  const isLiteral = value.kind === 'part' || (value.kind === 'pattern' && value.parts.length === 1);
  if (known === undefined || !isLiteral || isKnown(item.text, operator, known)) return [value];
  const isPattern = operator === ':' && /[*?]/.test(item.text);
  if (isPattern) {
    const expected = `a part of a name; * and ? have a meaning after = only`;
    return { problem: `${name}: takes ${expected}`, expected, suggestion: `${name}=${item.text}` };
  }
  const suggestion = nearest(item.text, known);
  return {
    problem: `${name}: there is no ${item.text}`,
    expected: `a name such as ${field.example}`,
    suggestion: suggestion && `${name}${operator}${suggestion}`,
  };
}

function partOf(item: Item): FilterValue {
  return { kind: 'part', text: unescapeName(item.text) };
}

/** An errno without a name is shown as `errno 524`. */
function isKnown(text: string, operator: Operator, known: readonly string[]): boolean {
  const wanted = text.toLowerCase();
  if (/^errno( \d*)?$/.test(wanted)) return true;
  return known.some((value) => {
    const lower = value.toLowerCase();
    return operator === '=' ? lower === wanted : lower.includes(wanted);
  });
}

/** Outside quotes, `*` and `?` have their meaning. */
function patternOf({ name, item: { pieces } }: ValueInput): FilterValue | ValueProblem {
  const parts: PatternPart[] = [];
  let literal = '';
  const finish = () => {
    if (literal !== '') parts.push({ kind: 'literal', text: unescapeName(literal) });
    literal = '';
  };
  for (const { text, quoted } of pieces) {
    for (const run of quoted ? [text] : text.split(/([*?])/)) {
      if (quoted || (run !== '*' && run !== '?')) literal += run;
      else {
        finish();
        if (run === '?') parts.push({ kind: 'one' });
        else if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' });
      }
    }
  }
  finish();
  if (parts.filter(({ kind }) => kind !== 'literal').length > MAX_WILDCARDS) {
    const expected = `at most ${MAX_WILDCARDS} of * and ?`;
    return { problem: `${name}: a value has ${expected}`, expected };
  }
  return parts.length === 1 && parts[0]!.kind === 'any' ? { kind: 'present' } : { kind: 'pattern', parts };
}

/** After `:`, a word may be cut short: `sta` stands for all that begin so. */
function wordValues({ field, name, operator, item }: ValueInput): readonly FilterValue[] | ValueProblem {
  const words = Object.keys(field.words ?? {});
  const wanted = item.text.toLowerCase();
  if (words.includes(wanted)) return [{ kind: 'word', word: wanted }];
  const meant = operator === ':' ? words.filter((word) => word.startsWith(wanted)) : [];
  if (meant.length > 0) return meant.map((word) => ({ kind: 'word', word }));
  const expected = words.join(', ');
  const suggestion = nearest(wanted, words);
  return {
    problem: `${name}: takes ${expected}`,
    expected,
    suggestion: suggestion && `${name}${operator}${suggestion}`,
  };
}

function addressValue(input: ValueInput): readonly FilterValue[] | ValueProblem {
  const { name, operator, item } = input;
  const network = networkOf(item.text);
  if (network !== undefined) return [{ kind: 'network', ...network }];
  if (item.text.includes('/')) {
    const expected = 'an address or prefix, such as 10.0.0.0/8 or 2001:db8::/32';
    return { problem: `${name}: ${item.text} is no prefix, such as 10.0.0.0/8`, expected };
  }
  const value = operator === '=' ? patternOf(input) : partOf(item);
  return 'problem' in value ? value : [value];
}

function numberValue(input: ValueInput): readonly FilterValue[] | ValueProblem {
  const { operator, item } = input;
  if (isComparison(operator)) return comparison(input, operator, item.text);
  const match = operator === ':' ? /^([<>]=?)(.*)$/s.exec(item.text) : null;
  if (match !== null) return comparison(input, match[1] as Comparison, match[2]!);
  return equality(input);
}

function comparison(
  input: ValueInput,
  operator: Comparison,
  text: string,
): readonly FilterValue[] | ValueProblem {
  const number = numberOf(input, text);
  return typeof number === 'number' ? [{ kind: 'comparison', operator, number }] : number;
}

function equality(input: ValueInput): readonly FilterValue[] | ValueProblem {
  const { field, name, item, typing } = input;
  const { text } = item;
  if (field.type === 'port' && /[a-z]/i.test(text))
    return [{ kind: 'service', name: unescapeName(text).toLowerCase() }];
  const range = /^([^-]+)-([^-]+)$/.exec(text);
  const named = field.type === 'user' && /[a-z_]/i.test(text);
  if (range === null || named) {
    const number = numberOf(input, text);
    if (typeof number !== 'number') return number;
    return needsComparison(input) ? comparisonProblem(input) : [{ kind: 'range', from: number, to: number }];
  }
  const from = numberOf(input, range[1]!);
  const to = numberOf(input, range[2]!);
  if (typeof from !== 'number') return from;
  if (typeof to !== 'number') return to;
  // While `8000-8` is being typed, it is not wrong yet: it merely finds nothing.
  if (from <= to || typing) return [{ kind: 'range', from, to }];
  const problem = `${name}: the range ${text} ends before it begins`;
  return {
    problem,
    expected: 'a range from the lesser to the greater',
    suggestion: `${name}:${range[2]}-${range[1]}`,
  };
}

/** A measured amount hardly ever equals a number: where that is meant, `=` says so. */
function needsComparison({ field, operator }: ValueInput): boolean {
  return field.type === 'amount' && field.unit !== 'count' && operator === ':';
}

function comparisonProblem({ field, name, item }: ValueInput): ValueProblem {
  return {
    problem: `${name}: takes < or > and ${amountForms[field.unit!]}, or a range`,
    expected: `${name}:${field.example}`,
    suggestion: `${name}:>${item.text}`,
  };
}

function numberOf(input: ValueInput, text: string): number | ValueProblem {
  const { field, name } = input;
  switch (field.type) {
    case 'amount':
      return amountOf(input, text);
    case 'port':
      if (!/^\d{1,5}$/.test(text)) {
        return { problem: `${name}: takes a port, a range or a service's name`, expected: 'a port' };
      }
      return Number(text) > MAX_PORT
        ? { problem: `${name}: ports go up to ${MAX_PORT}`, expected: 'a port' }
        : Number(text);
    default:
      if (/^\d{1,16}$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER) return Number(text);
      return field.type === 'user'
        ? userOf(input, text)
        : { problem: `${name}: takes a number`, expected: 'a number' };
  }
}

function userOf({ name, users }: ValueInput, text: string): number | ValueProblem {
  if (users === undefined) return { problem: `${name}: takes a number`, expected: 'a user id' };
  return (
    users(text) ?? {
      problem: `${name}: there is no user ${text} here`,
      expected: 'the id or the name of a user',
    }
  );
}

function amountOf({ field, name }: ValueInput, text: string): number | ValueProblem {
  const unit = field.unit!;
  const number = parseAmount(text, unit, name.endsWith('_us'));
  if (number !== undefined) return number;
  const isBareTime = unit === 'microseconds' && /^\d+(\.\d+)?$/.test(text);
  return {
    problem: `${name}: takes < or > and ${amountForms[unit]}`,
    expected: amountForms[unit],
    suggestion: isBareTime ? `${text}ms` : undefined,
  };
}
