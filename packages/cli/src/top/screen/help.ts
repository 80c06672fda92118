/** The page that `?` shows. */
import { padEnd, truncate } from '../../text/width.js';
import { fields } from '../filter/fields.js';

const keys: readonly (readonly [string, string])[] = [
  ['1 2 3 4', 'connections, processes, peers, listening sockets'],
  ['↑ ↓ k j, PgUp PgDn, g G', 'choose a row'],
  ['Enter', 'details of a connection; the connections of anything else'],
  ['← → or < >', 'sort by another column'],
  ['r', 'the other way round'],
  ['/', 'filter as you type; Enter keeps it, Esc takes it back'],
  ['Esc', 'no filter'],
  ['Space', 'pause, go on'],
  ['+ -', 'longer, shorter interval'],
  ['q, Ctrl-C', 'quit'],
];

const grammar = 'Filters: all terms have to hold. 443,80 is one of both; -term or !term is not; "two words".';
const keyWidth = 24;

/** Lines of at most `width` columns; fields of filters by their names alone where there is no room for more. */
export function helpLines(width: number, rows: number): string[] {
  const line = ([left, right]: readonly [string, string]) =>
    truncate(` ${padEnd(left, keyWidth)} ${right}`, width);
  const head = [...keys.map(line), '', truncate(` ${grammar}`, width)];
  const described = Object.entries(fields).map(([name, { example, summary }]) =>
    line([`${name}:${example}`, summary]),
  );
  const whole = [...head, ...described, line(['word', 'anywhere'])];
  return whole.length <= rows ? whole : [...head, ...wrap(Object.keys(fields), width - 1)].slice(0, rows);
}

function wrap(names: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const name of names) {
    if (line !== '' && line.length + name.length + 3 > width) {
      lines.push(line);
      line = '';
    }
    line += ` ${name}:`;
  }
  return [...lines, line];
}
