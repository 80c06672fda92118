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

/** Lines of at most `width` columns. */
export function helpLines(width: number): string[] {
  const keyWidth = 24;
  const filters = Object.entries(fields).map(
    ([name, { example, summary }]) => [`${name}:${example}`, summary] as const,
  );
  const line = ([left, right]: readonly [string, string]) =>
    truncate(` ${padEnd(left, keyWidth)} ${right}`, width);
  return [
    ...keys.map(line),
    '',
    truncate(
      ' Filters: all terms have to hold. 443,80 is one of both; -term or !term is not; "two words".',
      width,
    ),
    ...filters.map(line),
    line(['word', 'anywhere']),
  ];
}
