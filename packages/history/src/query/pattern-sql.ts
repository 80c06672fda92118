/** Patterns with wildcards as conditions of SQL, in time that does not explode. Pure. */
import type { PatternPart } from '@weir/tracer/filter';
import { comparable } from '@weir/tracer/filter/compile';
import type { SqlDialect, ValueBinder } from './sql-dialect.js';

/** Whether a pattern is all of a text. @param text An expression, in lower case. */
export function patternSql(
  text: string,
  parts: readonly PatternPart[],
  bound: ValueBinder,
  dialect: SqlDialect,
): string {
  const literal = (part: PatternPart | undefined): string =>
    bound.text(part?.kind === 'literal' ? comparable(part.text) : '');
  const shape = parts.map(({ kind }) => kind).join(' ');
  switch (shape) {
    case 'literal':
      return `${text} = ${literal(parts[0])}`;
    case 'literal any':
      return dialect.startsWith(text, literal(parts[0]));
    case 'any literal':
      return dialect.endsWith(text, literal(parts[1]));
    case 'any literal any':
      return dialect.contains(text, literal(parts[1]));
    default:
      // LIKE would try all ways of placing the parts; a regular expression of RE2 is matched in one pass.
      return dialect.matches(text, bound.text(regularExpression(parts)));
  }
}

function regularExpression(parts: readonly PatternPart[]): string {
  return parts
    .map((part) => {
      if (part.kind !== 'literal') return part.kind === 'any' ? '.*' : '.';
      return comparable(part.text).replace(
        /[^A-Za-z0-9_\u0080-\u{10ffff}]/gu,
        (character) => `\\x{${character.codePointAt(0)!.toString(16)}}`,
      );
    })
    .join('');
}
