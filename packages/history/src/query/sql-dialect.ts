/** What conditions of filters need of a database's SQL. Pure. */
import { type BoundValue, Placeholders } from './placeholders.js';

/** Remembers values, and returns what stands for each: call its functions in the order of the text. */
export interface ValueBinder {
  readonly values: readonly BoundValue[];
  text(value: string): string;
  /** A number that compares with those of columns without becoming another one. */
  number(value: number): string;
  /** 64 bits. */
  id(value: bigint): string;
  /** A list of ports, as {@link SqlDialect.isIn} takes it. */
  ports(value: readonly number[]): string;
  /** An address as 128 bits. */
  address(value: bigint): string;
}

/** The forms that differ from one database to another. Each takes and returns expressions. */
export interface SqlDialect {
  binder(): ValueBinder;
  /** In lower case, a character for a character, as `comparable()` of filters has it. */
  lower(text: string): string;
  contains(text: string, part: string): string;
  startsWith(text: string, part: string): string;
  endsWith(text: string, part: string): string;
  /** Whether a regular expression of RE2 is all of a text; `.` is any character. */
  matches(text: string, expression: string): string;
  /** A pattern that has no user's text in it, somewhere in a text. */
  hasPattern(text: string, pattern: string): string;
  /** A number as text. */
  asText(number: string): string;
  /** A number of 64 bits as so many hexadecimal digits; of a longer one, the first. */
  hexadecimal(number: string, digits: number): string;
  isIn(number: string, list: string): string;
  /** Whether a column of 64 bits has one of these numbers, of which there is one at least. They are Weir's own, and not bound: there may be thousands. */
  isOneOf(column: string, numbers: readonly bigint[]): string;
  /** A column of 64 bits, with other numbers for some of its own. */
  recoded(column: string, from: readonly bigint[], to: readonly bigint[]): string;
}

/** The SQL of DuckDB, where the history is. */
export const duckdbDialect: SqlDialect = {
  binder: () => new Placeholders(),
  lower: (text) => `lower(${text})`,
  contains: (text, part) => `contains(${text}, ${part})`,
  startsWith: (text, part) => `starts_with(${text}, ${part})`,
  endsWith: (text, part) => `ends_with(${text}, ${part})`,
  matches: (text, expression) => `regexp_full_match(${text}, ${expression}, 's')`,
  hasPattern: (text, pattern) => `regexp_matches(${text}, '${pattern}')`,
  asText: (number) => `CAST(${number} AS VARCHAR)`,
  hexadecimal: (number, digits) => `lpad(lower(hex(${number})), ${digits}, '0')`,
  isIn: (number, list) => `${number} = ANY(${list})`,
  isOneOf: (column, numbers) => `${column} IN (${numbers.map((each) => `${each}::UBIGINT`).join(', ')})`,
  recoded: (column, from, to) =>
    `CASE ${column} ${from.map((each, index) => `WHEN ${each}::UBIGINT THEN ${to[index]}::UBIGINT`).join(' ')} ELSE ${column} END`,
};
