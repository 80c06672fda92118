/** Splits the text of a filter into terms, parentheses and the words between them. */

/** A piece of a filter's text. */
export interface Token {
  readonly kind: 'open' | 'close' | 'and' | 'or' | 'not' | 'negate' | 'term';
  readonly text: string;
  /** Where it begins, from 1 on. */
  readonly column: number;
}

const isSpace = (character: string | undefined): boolean => character !== undefined && /\s/.test(character);

/**
 * The pieces of a text. A quote that is not closed reaches to the end. Within a term, a parenthesis is an ordinary
 * character while it is closed within the term.
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let open = 0;
  for (let at = 0; at < text.length; ) {
    const character = text[at]!;
    const column = at + 1;
    if (isSpace(character)) at++;
    else if (character === '(' || character === ')') {
      open = character === '(' ? open + 1 : Math.max(0, open - 1);
      tokens.push({ kind: character === '(' ? 'open' : 'close', text: character, column });
      at++;
    } else if (negates(text, at) && tokens.at(-1)?.kind !== 'negate') {
      tokens.push({ kind: 'negate', text: character, column });
      at++;
    } else {
      const end = endOfTerm(text, at);
      const term = text.slice(at, end);
      const isOperand = tokens.at(-1)?.kind === 'negate';
      tokens.push({ kind: (!isOperand && keyword(term)) || 'term', text: term, column });
      at = end;
    }
  }
  return tokens;
}

function negates(text: string, at: number): boolean {
  const next = text[at + 1];
  return /[-!]/.test(text[at]!) && next !== undefined && next !== ')' && !isSpace(next);
}

function keyword(term: string): 'and' | 'or' | 'not' | undefined {
  const word = term.toLowerCase();
  return word === 'and' || word === 'or' || word === 'not' ? word : undefined;
}

function endOfTerm(text: string, start: number): number {
  let inner = 0;
  let at = start;
  for (; at < text.length && !isSpace(text[at]); at++) {
    const character = text[at];
    if (character === '"') {
      const close = text.indexOf('"', at + 1);
      if (close < 0) return text.length;
      at = close;
    } else if (character === '(') inner++;
    else if (character === ')' && inner-- === 0) break;
  }
  return at;
}

/** A part of a value, as it was written. */
export interface Piece {
  readonly text: string;
  /** Whether it was in quotes, where no character has a meaning of its own. */
  readonly quoted: boolean;
}

/** One of the values of a term. */
export interface Item {
  readonly pieces: readonly Piece[];
  /** Its text without quotes. */
  readonly text: string;
  /** Where it begins, from 1 on. */
  readonly column: number;
}

/** Splits values at commas outside quotes. @param column Where they begin. */
export function splitItems(value: string, column: number): Item[] {
  const items: Item[] = [];
  let pieces: Piece[] = [];
  let begin = column;
  let at = 0;
  const finish = () => {
    items.push({ pieces, text: pieces.map((piece) => piece.text).join(''), column: begin });
    pieces = [];
  };
  for (const match of value.matchAll(/"([^"]*)"?|,|[^",]+/g)) {
    const [whole, quoted] = match;
    at += whole.length;
    if (whole === ',') {
      finish();
      begin = column + at;
    } else pieces.push({ text: quoted ?? whole, quoted: quoted !== undefined });
  }
  finish();
  return items;
}
