/** The text of a statement in parts, and places in it. Pure. */

/** What a part is. */
export type SqlTokenKind =
  | 'keyword'
  | 'name'
  | 'function'
  | 'string'
  | 'number'
  | 'comment'
  | 'time'
  | 'other';

/** A part of a statement. */
export interface SqlToken {
  readonly kind: SqlTokenKind;
  readonly from: number;
  readonly to: number;
}

/** Words that the page completes and colours. */
export const sqlKeywords: readonly string[] = (
  'SELECT FROM WHERE GROUP BY ORDER LIMIT HAVING WITH AS AND OR NOT IN IS NULL LIKE ILIKE BETWEEN DISTINCT ON USING JOIN LEFT RIGHT ' +
  'INNER FULL CROSS UNION ALL EXCEPT INTERSECT CASE WHEN THEN ELSE END DESC ASC NULLS FIRST LAST OVER PARTITION QUALIFY INTERVAL ' +
  'FILTER VALUES DESCRIBE SUMMARIZE OFFSET CAST EXISTS TRUE FALSE ROWS RANGE PRECEDING FOLLOWING UNBOUNDED CURRENT ROW EXCLUDE REPLACE'
).split(' ');

/** Functions of DuckDB that questions about connections need, with what they do. */
export const sqlFunctions: Readonly<Record<string, string>> = {
  count: 'rows, or values that are known',
  sum: 'sum',
  avg: 'mean',
  min: 'least',
  max: 'greatest',
  median: 'median',
  quantile_cont: 'percentile: quantile_cont(x, 0.95)',
  approx_count_distinct: 'about how many different ones',
  any_value: 'one of the values',
  arg_max: 'value where another one is greatest',
  list: 'all values',
  string_agg: 'all values, joined',
  time_bucket: "begin of the step: time_bucket(INTERVAL '1 minute', time)",
  date_trunc: "begin of the hour: date_trunc('hour', time)",
  coalesce: 'the first that is known',
  round: 'rounded: round(x, 2)',
  lower: 'small letters',
  starts_with: 'whether it begins so',
  regexp_matches: 'whether a pattern is found',
  format_bytes: 'bytes with a unit',
};

/** Stand for both ends of the page's range. */
export const rangeNames = ['$from', '$to'] as const;

const keywordSet = new Set(sqlKeywords);
const parts =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(\$(?:from|to)\b)|((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\b)|([\p{L}_][\p{L}\p{N}_]*)|(\s+)|([\s\S])/giu;

/** All parts of a statement that have a meaning of their own; what is between them has none. */
export function tokensOf(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (const match of sql.matchAll(parts)) {
    const [text, comment, string, quoted, time, number, word, space] = match;
    if (space !== undefined) continue;
    const [from, to] = [match.index, match.index + text.length];
    const kind: SqlTokenKind =
      comment !== undefined
        ? 'comment'
        : string !== undefined
          ? 'string'
          : quoted !== undefined
            ? 'name'
            : time !== undefined
              ? 'time'
              : number !== undefined
                ? 'number'
                : word !== undefined
                  ? wordKind(word, sql.slice(to))
                  : 'other';
    tokens.push({ kind, from, to });
  }
  return tokens;
}

function wordKind(word: string, rest: string): SqlTokenKind {
  if (keywordSet.has(word.toUpperCase())) return 'keyword';
  return rest.startsWith('(') ? 'function' : 'name';
}

/** A statement as it is sent, and where its places were before. */
export interface BoundSql {
  readonly text: string;
  /** Whether it asks about the page's range. */
  readonly hasRange: boolean;
  /** The place in the statement as it is written. */
  readonly placeBefore: (offset: number) => number;
}

/** Puts the ends of a range, as times of the API, in place of `$from` and `$to`. */
export function bindRange(sql: string, from: string, to: string): BoundSql {
  const changes: { readonly at: number; readonly grown: number; readonly length: number }[] = [];
  let text = '';
  let end = 0;
  for (const token of tokensOf(sql)) {
    if (token.kind !== 'time') continue;
    const name = sql.slice(token.from, token.to);
    const value = `TIMESTAMP_NS '${name.toLowerCase() === '$from' ? from : to}'`;
    text += sql.slice(end, token.from);
    changes.push({ at: text.length, grown: value.length - name.length, length: value.length });
    text += value;
    end = token.to;
  }
  text += sql.slice(end);
  const placeBefore = (offset: number) => {
    let grown = 0;
    for (const change of changes) {
      if (offset < change.at) break;
      if (offset < change.at + change.length) return change.at - grown;
      grown += change.grown;
    }
    return offset - grown;
  };
  return { text, hasRange: changes.length > 0, placeBefore };
}

/** What is wrong with a statement. */
export interface SqlMistake {
  readonly message: string;
  /** Characters before it; undefined where that is not known. */
  readonly offset: number | undefined;
}

/** What the server says of a statement. @param sql The statement as it was sent */
export function mistakeOf(detail: string, sql: string): SqlMistake {
  const said = detail.replace(/^sql: /, '');
  const found = /^line (\d+)(?:, column (\d+))?: /.exec(said);
  if (found === null) return { message: said, offset: undefined };
  const message = said.slice(found[0].length);
  const line = Number(found[1]);
  const offset =
    found[2] === undefined ? namedPlace(message, sql, line) : offsetOf(sql, line, Number(found[2]));
  return { message, offset };
}

/** A long line has no column: where the name stands that the message quotes first, if it stands there once. */
function namedPlace(message: string, sql: string, line: number): number | undefined {
  const name = /"([^"]+)"/.exec(message)?.[1]?.toLowerCase();
  const [from, to] = [offsetOf(sql, line, 1), offsetOf(sql, line + 1, 1)];
  const places = tokensOf(sql).filter(
    (token) => token.from >= from && token.to <= to && sql.slice(token.from, token.to).toLowerCase() === name,
  );
  return places.length === 1 ? places[0]!.from : undefined;
}

/** Characters before a place. @param line From 1 on @param column From 1 on, in code points as the server counts */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const within = [...(lines[line - 1] ?? '')].slice(0, column - 1).join('').length;
  return Math.min(text.length, before + within);
}

/** Line and column of a place, both from 1 on. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const lines = text.slice(0, offset).split('\n');
  return { line: lines.length, column: [...lines.at(-1)!].length + 1 };
}
