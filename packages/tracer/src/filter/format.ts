/** Filters as text again. */
import { escapeName } from '../json/escape.js';
import { type FilterField, fieldNamed } from './filter-fields.js';
import type { Filter, FilterTest, FilterValue, PatternPart } from './tree.js';
import { formatAmount } from './units.js';

/** A text that {@link parseFilter} parses to the same tree, for each tree that it makes. */
export function formatFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
      return filter.of.map((part) => grouped(part, ['and', 'or'])).join(' ');
    case 'or':
      return filter.of.map((part) => grouped(part, ['or'])).join(' or ');
    case 'not':
      return `not ${grouped(filter.of, ['and', 'or'])}`;
    case 'anywhere':
      return quoteWord(filter.text);
    case 'test':
      return formatTest(filter);
  }
}

/** In parentheses where it binds less than what it stands in. */
function grouped(filter: Filter, loose: readonly Filter['kind'][]): string {
  const text = formatFilter(filter);
  return loose.includes(filter.kind) ? `(${text})` : text;
}

function formatTest({ field: name, values }: FilterTest): string {
  const field = fieldNamed(name);
  const [only] = values;
  if (only?.kind === 'comparison' && values.length === 1) {
    return `${name}${only.operator}${formatNumber(only.number, field)}`;
  }
  const wantsEquals = values.some(
    (value) => value.kind === 'pattern' || value.kind === 'present' || isEquality(value, field),
  );
  const operator = wantsEquals && !values.some(({ kind }) => kind === 'comparison') ? '=' : ':';
  return name + operator + values.map((value) => formatValue(value, field, operator)).join(',');
}

/** An amount that equals a number: after `:`, it would have to be a range. */
function isEquality(value: FilterValue, field: FilterField | undefined): boolean {
  return field?.type === 'amount' && value.kind === 'range' && value.from === value.to;
}

function formatValue(value: FilterValue, field: FilterField | undefined, operator: ':' | '='): string {
  switch (value.kind) {
    case 'present':
      return '*';
    case 'part':
      return quote(value.text);
    case 'pattern':
      return value.parts.map(formatPart).join('');
    case 'network':
      return value.bits === (value.address.includes(':') ? 128 : 32)
        ? value.address
        : `${value.address}/${value.bits}`;
    case 'range': {
      const from = formatNumber(value.from, field);
      // After a colon, an amount that equals a number is a range of one.
      const isOne = value.from === value.to && (operator === '=' || field?.type !== 'amount');
      return isOne ? from : `${from}-${formatNumber(value.to, field)}`;
    }
    case 'comparison':
      return value.operator + formatNumber(value.number, field);
    case 'service':
      return quote(value.name);
    case 'word':
      return value.word;
  }
}

function formatPart(part: PatternPart): string {
  if (part.kind === 'literal') return quote(part.text);
  return part.kind === 'any' ? '*' : '?';
}

function formatNumber(number: number, field: FilterField | undefined): string {
  return field?.unit === undefined ? String(number) : formatAmount(number, field.unit);
}

/** In quotes unless no character of it can be mistaken. */
function quote(text: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(text) ? text : quoted(text);
}

/** A word that stands alone must not be mistaken for `and`, a field or a negation either. */
function quoteWord(text: string): string {
  const isPlain = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text) && !/^(?:and|or|not)$/i.test(text);
  return isPlain ? text : quoted(text);
}

function quoted(text: string): string {
  const safe = escapeName(text)
    .replaceAll('"', '\\x22')
    .replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${safe}"`;
}
