/** What is wrong with a statement of a user, in one line. Pure. */

/** Where something is in a text, both from 1. */
function placeText(line: number, column: number): string {
  return `line ${line}, column ${column}: `;
}

/** A mistake in the syntax. @param position Characters before it. */
export function syntaxMistake(message: string, sql: string, position: number | undefined): string {
  if (position === undefined) return oneLine(message);
  const before = [...sql].slice(0, position).join('').split('\n');
  return placeText(before.length, [...before.at(-1)!].length + 1) + oneLine(message);
}

/**
 * A mistake that DuckDB has found later: it says what, on several lines, and then shows the line with a mark below.
 *
 * @param tables Names of the tables that there are.
 */
export function statementMistake(message: string, tables: readonly string[]): string {
  const shown = /\n\nLINE (\d+): (.*)\n( *)\^/.exec(message);
  const what = shown === null ? message : message.slice(0, shown.index);
  return `${shown === null ? '' : placeOf(shown)}${whatIsWrong(what, tables)}`;
}

function placeOf([, line = '', text = '', blanks = '']: RegExpExecArray): string {
  // A long line is shown in part.
  if (text.startsWith('...')) return `line ${line}: `;
  return placeText(Number(line), blanks.length - `LINE ${line}: `.length + 1);
}

function whatIsWrong(message: string, tables: readonly string[]): string {
  // Its class says less than what follows.
  const text = message.replace(/^[A-Z][A-Za-z ]* Error: /, '');
  const table = /^Table with name (.*) does not exist!/s.exec(text)?.[1];
  if (table !== undefined)
    return `there is no table ${JSON.stringify(table)}: there are ${tables.join(', ')}`;
  // Every variant of the function, a line each.
  return oneLine(text.replace(/\s+Candidate functions:.*$/s, ''));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
