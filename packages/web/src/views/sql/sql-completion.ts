/** What may follow in a statement. Pure. */
import { rangeNames, sqlFunctions, sqlKeywords, tokensOf } from './sql-text.js';

/** A table of the history. */
export interface SqlTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** A word that may stand here. */
export interface SqlSuggestion {
  readonly text: string;
  readonly help: string;
}

/** Words for a place. */
export interface SqlSuggestions {
  /** What they take the place of. */
  readonly from: number;
  readonly to: number;
  readonly list: readonly SqlSuggestion[];
}

const MOST = 12;
const nothing = { from: 0, to: 0, list: [] };

/** Words that may stand at the cursor. @param isAsked Also where nothing of the word is there yet */
export function completeSql(
  sql: string,
  cursor: number,
  tables: readonly SqlTable[],
  isAsked = false,
): SqlSuggestions {
  const tokens = tokensOf(sql);
  const inside = tokens.find(({ from, to }) => from < cursor && cursor < to);
  if (inside?.kind === 'string' || inside?.kind === 'comment') return nothing;
  const ended = tokens.find(({ to }) => to === cursor);
  if (ended?.kind === 'comment') return nothing;
  const typed = /\$?[\p{L}_]*[\p{L}\p{N}_]*$/u.exec(sql.slice(0, cursor))?.[0] ?? '';
  if (typed === '' && !isAsked) return nothing;
  const from = cursor - typed.length;
  const to = cursor + (/^[\p{L}\p{N}_]*/u.exec(sql.slice(cursor))?.[0].length ?? 0);
  const before = tokens.filter((token) => token.to <= from);
  const last = before.at(-1);
  const lastWord = last === undefined ? '' : sql.slice(last.from, last.to).toUpperCase();
  const named = tables.filter(({ name }) => tokens.some((each) => sql.slice(each.from, each.to) === name));
  const tableWords = tables.map(({ name, columns }) => ({
    text: name,
    help: `table, ${columns.length} columns`,
  }));
  if (lastWord === 'FROM' || lastWord === 'JOIN' || lastWord === 'DESCRIBE' || lastWord === 'SUMMARIZE')
    return { from, to, list: matching(tableWords, typed) };
  // Columns of the tables that the statement names come first, else all.
  const columns = columnsOf(named.length > 0 ? named : tables);
  if (lastWord === '.') return { from, to, list: matching(columns, typed) };
  const rest = [
    ...Object.entries(sqlFunctions).map(([text, help]) => ({ text: `${text}(`, help })),
    ...rangeNames.map((text) => ({ text, help: "end of the page's range" })),
    ...tableWords,
    ...sqlKeywords.map((text) => ({ text, help: '' })),
  ];
  return { from, to, list: matching([...columns, ...rest], typed) };
}

function columnsOf(tables: readonly SqlTable[]): SqlSuggestion[] {
  const found = new Map<string, string>();
  for (const { name: table, columns } of tables)
    for (const { name, type } of columns) if (!found.has(name)) found.set(name, `${type}, ${table}`);
  return [...found].map(([text, help]) => ({ text, help }));
}

/** Words that begin with what is typed, then those that have it within; what is there already is not offered. */
function matching(words: readonly SqlSuggestion[], typed: string): SqlSuggestion[] {
  const wanted = typed.toLowerCase();
  const begins = words.filter(({ text }) => text.toLowerCase().startsWith(wanted));
  const others = wanted.length < 2 ? [] : words.filter(({ text }) => text.toLowerCase().indexOf(wanted) > 0);
  const list = [...begins, ...others];
  return list.some(({ text }) => text === typed) ? [] : list.slice(0, MOST);
}

/** The text with a word put in, and where the cursor is then. */
export function acceptWord(
  sql: string,
  { from, to }: SqlSuggestions,
  { text }: SqlSuggestion,
): { readonly text: string; readonly cursor: number } {
  const isCall = text.endsWith('(');
  const tail = sql.slice(to);
  const space = isCall || /^[\s,;)]/.test(tail) ? '' : ' ';
  const put = isCall && tail.startsWith('(') ? text.slice(0, -1) : text;
  return {
    text: `${sql.slice(0, from)}${put}${space}${tail}`,
    cursor: from + text.length + (space === '' ? 0 : 1),
  };
}
