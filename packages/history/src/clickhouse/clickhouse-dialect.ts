/** The SQL of ClickHouse in conditions of filters. Pure. */
import type { BoundValue } from '../query/placeholders.js';
import type { SqlDialect, ValueBinder } from '../query/sql-dialect.js';

/** Values that ClickHouse binds by name: the first of a condition is `p0`. */
class Parameters implements ValueBinder {
  readonly values: BoundValue[] = [];

  text(value: string): string {
    return this.#bind(value, 'String');
  }

  number(value: number): string {
    const isInteger = Number.isSafeInteger(value) && value >= 0;
    return this.#bind(value, isInteger ? 'UInt64' : 'Float64');
  }

  id(value: bigint): string {
    return this.#bind(value, 'UInt64');
  }

  ports(value: readonly number[]): string {
    return this.#bind(`[${value.join(',')}]`, 'Array(UInt16)');
  }

  address(value: bigint): string {
    const digits = value.toString(16).padStart(32, '0');
    return this.#bind(digits.match(/.{4}/g)!.join(':'), 'IPv6');
  }

  #bind(value: BoundValue, type: string): string {
    this.values.push(value);
    return `{p${this.values.length - 1}:${type}}`;
  }
}

/** What `query_params` of ClickHouse's client are for the values of a condition. */
export function queryParameters(values: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(values.map((value, index) => [`p${index}`, value]));
}

function numberList(numbers: readonly bigint[]): string {
  return `CAST([${numbers.join(', ')}], 'Array(UInt64)')`;
}

/** For columns as `create-tables.ts` makes them. */
export const clickhouseDialect: SqlDialect = {
  binder: () => new Parameters(),
  // Alone, it makes two characters of the first of these, and of the second another one at the end of a word.
  lower: (text) => `lowerUTF8(translateUTF8(${text}, 'İΣ', 'iσ'))`,
  contains: (text, part) => `position(${text}, ${part}) > 0`,
  startsWith: (text, part) => `startsWith(${text}, ${part})`,
  endsWith: (text, part) => `endsWith(${text}, ${part})`,
  matches: (text, expression) => `match(${text}, concat('(?s)^(?:', ${expression}, ')$'))`,
  hasPattern: (text, pattern) => `match(${text}, '${pattern}')`,
  asText: (number) => `toString(${number})`,
  hexadecimal: (number, digits) =>
    `leftPad(replaceRegexpOne(lower(hex(${number})), '^0+', ''), ${digits}, '0')`,
  isIn: (number, list) => `has(${list}, ${number})`,
  isOneOf: (column, numbers) => `${column} IN (${numbers.join(', ')})`,
  recoded: (column, from, to) => `transform(${column}, ${numberList(from)}, ${numberList(to)})`,
};
