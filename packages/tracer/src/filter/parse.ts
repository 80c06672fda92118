/**
 * The grammar of filters. Terms beside each other, or with `and` between them, have to hold together; `or` binds less, `not`
 * (or `-` or `!` right before a term) more; parentheses group. A term is `field:value`, `field=value`, `field>value` and
 * the like, with alternatives separated by commas, or a word that may occur anywhere. Quotes hold a value together.
 */
import { unescapeName } from '../json/unescape.js';
import type { FilterColumn } from './filter-columns.js';
import { FilterError, type FilterProblem } from './filter-error.js';
import { fieldNamed, isAvailable } from './filter-fields.js';
import { networkOf } from './networks.js';
import { splitTerm, unknownField, wordMistake } from './terms.js';
import { type Item, splitItems, type Token, tokenize } from './tokens.js';
import { everything, type Filter, type FilterValue } from './tree.js';
import { type Operator, parseValue, type ValueInput } from './values.js';

/** The longest text of a filter, in UTF-16 code units. */
export const MAX_FILTER_LENGTH = 16_384;
/** Parentheses and negations within each other. */
const MAX_DEPTH = 64;
/** Values of all terms together. */
const MAX_VALUES = 1_024;
/** Whoever is typing reads the first few. */
const MAX_PROBLEMS = 16;

/** What a filter may name. */
export interface ParseOptions {
  /** The id of a user; undefined for a name that nobody has. Without it, users are named by their ids only. */
  readonly users?: (name: string) => number | undefined;
  /** The rows to be filtered: fields that these do not have are mistakes. */
  readonly rows?: {
    readonly columns: { readonly [Name in FilterColumn]?: unknown };
    /** What they are called in messages: `connections of weir top`. */
    readonly what: string;
  };
}

/** A filter that is being typed. */
export interface TypedFilter {
  /** All terms that are right. */
  readonly filter: Filter;
  /** Mistakes, from left to right; the terms that they are in do not count. */
  readonly problems: readonly FilterError[];
}

/**
 * Parses a filter.
 *
 * @throws FilterError for the first thing that makes no sense.
 */
export function parseFilter(text: string, options: ParseOptions = {}): Filter {
  return new Parser(text, options, undefined).parse();
}

/** Parses a filter that may be unfinished. It never throws: a term that makes no sense does not count. */
export function parseTypedFilter(text: string, options: ParseOptions = {}): TypedFilter {
  const problems: FilterError[] = [];
  const filter = new Parser(text, options, problems).parse();
  return { filter, problems };
}

/** A part that was wrong does not count; nothing was there at all. */
type Parsed = Filter | 'wrong' | 'nothing';

class Parser {
  readonly #text: string;
  readonly #options: ParseOptions;
  /** undefined: the first one is thrown. */
  readonly #problems: FilterError[] | undefined;
  #tokens: readonly Token[] = [];
  #next = 0;
  #depth = 0;
  #values = 0;

  constructor(text: string, options: ParseOptions, problems: FilterError[] | undefined) {
    this.#text = text;
    this.#options = options;
    this.#problems = problems;
  }

  parse(): Filter {
    if (this.#text.length > MAX_FILTER_LENGTH) {
      const problem = `a filter has at most ${MAX_FILTER_LENGTH} characters; this one has ${this.#text.length}`;
      this.#report({ column: MAX_FILTER_LENGTH + 1, problem, expected: 'the end' });
      return everything;
    }
    this.#tokens = tokenize(this.#text);
    const parts: Filter[] = [];
    while (this.#peek !== undefined) {
      const part = this.#parseOr();
      if (typeof part !== 'string') parts.push(part);
      const close = this.#take('close');
      if (close === undefined) break;
      const problem = 'there is no ( that this ) closes; put it in quotes to look for it';
      this.#report({ ...at(close), problem, expected: 'a term', suggestion: '")"' });
    }
    return joined('and', parts) ?? everything;
  }

  get #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #take(kind: Token['kind']): Token | undefined {
    const token = this.#peek;
    if (token?.kind !== kind) return undefined;
    this.#next++;
    return token;
  }

  #report(problem: FilterProblem): 'wrong' {
    const error = new FilterError(problem);
    if (this.#problems === undefined) throw error;
    this.#problems.push(error);
    if (this.#problems.length === MAX_PROBLEMS) this.#next = this.#tokens.length;
    return 'wrong';
  }

  #parseOr(): Parsed {
    const parts: Filter[] = [];
    let seen = false;
    let before: Token | undefined;
    for (;;) {
      const part = this.#parseAnd();
      if (part === 'nothing') {
        const between = before ?? this.#peek;
        if (between?.kind === 'or') this.#missing(between, before === undefined ? 'before' : 'behind');
      } else {
        seen = true;
        if (part !== 'wrong') parts.push(part);
      }
      before = this.#take('or');
      if (before === undefined) break;
      seen = true;
    }
    return joined('or', parts) ?? (seen ? 'wrong' : 'nothing');
  }

  #parseAnd(): Parsed {
    const parts: Filter[] = [];
    let seen = false;
    let before: Token | undefined;
    for (let token = this.#peek; token !== undefined; token = this.#peek) {
      if (token.kind === 'close' || token.kind === 'or') break;
      if (token.kind === 'and') {
        if (!seen || before !== undefined) this.#missing(token, 'before');
        before = token;
        seen = true;
        this.#next++;
        continue;
      }
      const part = this.#parseUnary(token);
      before = undefined;
      seen = true;
      if (typeof part !== 'string') parts.push(part);
    }
    if (before !== undefined) this.#missing(before, 'behind');
    return joined('and', parts) ?? (seen ? 'wrong' : 'nothing');
  }

  #missing(token: Token, side: 'before' | 'behind'): 'wrong' {
    const problem = `"${token.text}" needs a term ${side} it; put it in quotes to look for it`;
    return this.#report({ ...at(token), problem, expected: 'a term' });
  }

  /** @param token The next one. */
  #parseUnary(token: Token): Filter | 'wrong' {
    this.#next++;
    if (token.kind === 'term') return this.#parseTerm(token);
    if (this.#depth === MAX_DEPTH) {
      this.#next = this.#tokens.length;
      const problem = `parentheses and negations are more than ${MAX_DEPTH} deep`;
      return this.#report({ ...at(token), problem, expected: 'fewer of them' });
    }
    this.#depth++;
    const part = token.kind === 'open' ? this.#parseGroup(token) : this.#parseNot(token);
    this.#depth--;
    return part;
  }

  #parseNot(token: Token): Filter | 'wrong' {
    const operand = this.#peek;
    const isMissing = operand === undefined || ['close', 'and', 'or'].includes(operand.kind);
    const of = isMissing ? this.#missing(token, 'behind') : this.#parseUnary(operand);
    return of === 'wrong' ? of : { kind: 'not', of };
  }

  #parseGroup(open: Token): Filter | 'wrong' {
    const inner = this.#parseOr();
    if (this.#take('close') === undefined) {
      const problem = 'this ( is not closed; put it in quotes to look for it';
      this.#report({ ...at(open), problem, expected: 'a ) behind it' });
    } else if (inner === 'nothing') {
      return this.#report({ ...at(open), problem: 'there is nothing between ( and )', expected: 'a term' });
    }
    return inner === 'nothing' ? 'wrong' : inner;
  }

  #parseTerm(token: Token): Filter | 'wrong' {
    const term = splitTerm(token.text);
    if (term === undefined) return this.#parseWord(token);
    const name = term.name.toLowerCase();
    const field = fieldNamed(name);
    if (field === undefined) return this.#report({ ...at(token), ...unknownField(name, term, token.text) });
    const { rows } = this.#options;
    if (rows !== undefined && !isAvailable(field, rows.columns)) {
      const problem = `${name}: ${rows.what} do not have it`;
      return this.#report({ ...at(token), problem, expected: `a field that ${rows.what} have` });
    }
    const operator: Operator = term.operator === '!=' ? '=' : term.operator;
    const column = token.column + term.name.length + term.operator.length;
    const items = splitItems(term.value, column);
    const values = this.#parseValues(items, { field, name, operator });
    if (values === undefined) return 'wrong';
    const test: Filter = { kind: 'test', field: field.name, values };
    return term.operator === '!=' ? { kind: 'not', of: test } : test;
  }

  /** undefined: one of them is wrong. */
  #parseValues(
    items: readonly Item[],
    term: Pick<ValueInput, 'field' | 'name' | 'operator'>,
  ): readonly FilterValue[] | undefined {
    const { name, operator } = term;
    if (items.length > 1 && operator !== ':' && operator !== '=') {
      const problem = `${name}${operator} takes one number; alternatives are ${name}:${operator}…,${operator}…`;
      this.#report({ column: items[1]!.column - 1, problem, expected: 'the end of the term' });
      return undefined;
    }
    const values: FilterValue[] = [];
    for (const item of items) {
      const typing = this.#problems !== undefined;
      const found = parseValue({ ...term, item, typing, users: this.#options.users });
      if ('problem' in found) {
        this.#report({ column: item.column, ...found });
        return undefined;
      }
      values.push(...found);
      if (!this.#count(found.length, item.column)) return undefined;
    }
    return values;
  }

  #count(values: number, column: number): boolean {
    this.#values += values;
    if (this.#values <= MAX_VALUES) return true;
    this.#report({ column, problem: `a filter has at most ${MAX_VALUES} values`, expected: 'fewer of them' });
    return false;
  }

  /** An address with a prefix length is one of either end; anything else may occur anywhere. */
  #parseWord(token: Token): Filter | 'wrong' {
    const { text } = token;
    const mistake = wordMistake(text);
    if (mistake !== undefined) return this.#report({ ...at(token), ...mistake });
    if (!this.#count(1, token.column)) return 'wrong';
    const network = text.includes('/') ? networkOf(text) : undefined;
    if (network !== undefined) {
      return { kind: 'test', field: 'addr', values: [{ kind: 'network', ...network }] };
    }
    return { kind: 'anywhere', text: unescapeName(text.replaceAll('"', '')) };
  }
}

function at({ column }: Token): { readonly column: number } {
  return { column };
}

function joined(kind: 'and' | 'or', parts: readonly Filter[]): Filter | undefined {
  return parts.length > 1 ? { kind, of: parts } : parts[0];
}
