/** A filter as a tree of plain data. */

/** The characters of a pattern: some text, any run of characters (`*`), or any one character (`?`). */
export type PatternPart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'one' };

/** How a number is compared. */
export type Comparison = '<' | '<=' | '>' | '>=';

/** What a field is tested for. */
export type FilterValue =
  /** The field is known (`error=*`). */
  | { readonly kind: 'present' }
  /** The text is a part of it. */
  | { readonly kind: 'part'; readonly text: string }
  /** The pattern is all of it. */
  | { readonly kind: 'pattern'; readonly parts: readonly PatternPart[] }
  /** The address is within; IPv4 as IPv4, and bits behind the prefix are zero. */
  | { readonly kind: 'network'; readonly address: string; readonly bits: number }
  /** The number is between both, which belong to it; microseconds, bytes, or a mere number. */
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'comparison'; readonly operator: Comparison; readonly number: number }
  /** The port has the name of a service. */
  | { readonly kind: 'service'; readonly name: string }
  /** One of the words of the field. */
  | { readonly kind: 'word'; readonly word: string };

/** One of the values has to fit. On a row in which the field is not known, only `not` of it holds. */
export interface FilterTest {
  readonly kind: 'test';
  /** Name of the field in {@link filterFields}. */
  readonly field: string;
  readonly values: readonly FilterValue[];
}

/** A text that may occur in anything that is shown of a row. */
export interface FilterWord {
  readonly kind: 'anywhere';
  readonly text: string;
}

/** A filter, or a part of one. `and` of nothing holds for every row, `or` of nothing for none. */
export type Filter =
  | FilterTest
  | FilterWord
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter };

/** The filter that every row meets; an empty text is parsed to it. */
export const everything: Filter = { kind: 'and', of: [] };
