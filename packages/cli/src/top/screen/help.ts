/** The page that `?` shows. */
import { padEnd, truncate } from '../../text/width.js';
import { topFields } from '../filter/top-filter.js';

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

const pastKeys = keys.flatMap((key): (typeof keys)[number][] => {
  switch (key[0]) {
    case 'Space':
      return [
        ['[ ]', 'a step back, on'],
        ['{ }', 'a minute back, on'],
        ['Space', 'play, stop'],
      ];
    case '+ -':
      return [['+ -', 'a longer, shorter step']];
    default:
      return [key];
  }
});

const grammar = [
  'Filters: all terms have to hold, or those beside "or"; not term, -term and !term turn it round; (…) groups.',
  'field:443,80 is one of both; field=text is all of it, with * and ?; field>10k compares; "two words" is one.',
];
const keyWidth = 24;

/** Lines of at most `width` columns; fields of filters by their names alone where there is no room for more. */
export function helpLines(width: number, rows: number, isPast = false): string[] {
  const line = ([left, right]: readonly [string, string]) =>
    truncate(` ${padEnd(left, keyWidth)} ${right}`, width);
  const head = [
    ...(isPast ? pastKeys : keys).map(line),
    '',
    ...grammar.map((text) => truncate(` ${text}`, width)),
  ];
  const described = [
    ...topFields.map(({ name, example, help }) => line([`${name}:${example}`, help])),
    line(['word', 'anywhere']),
  ];
  if (head.length + described.length <= rows) return [...head, ...described];
  for (let count = topFields.length - 1; count > 0; count--) {
    const names = wrap(
      topFields.slice(count).map(({ name }) => name),
      width - 1,
    );
    if (head.length + count + 1 + names.length <= rows) {
      return [...head, ...described.slice(0, count), described.at(-1)!, ...names];
    }
  }
  return [
    ...head,
    ...wrap(
      topFields.map(({ name }) => name),
      width - 1,
    ),
  ].slice(0, rows);
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
