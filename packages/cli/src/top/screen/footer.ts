/** The last line: the filter while it is typed, else the most important keys. */
import type { Paint } from '../../text/colour.js';
import { escapeText } from '../../text/escape.js';
import { displayWidth, truncate } from '../../text/width.js';
import { joinThatFit } from './header.js';
import type { State } from './state.js';

const hints = {
  table: [
    'q quit',
    '/ filter',
    'Enter details',
    '← → sort',
    'r reverse',
    'Space pause',
    '? help',
    '1-4 views',
  ],
  details: ['Esc back', 'Space pause', 'q quit'],
  help: ['Esc back', 'q quit'],
};

const pastHints = {
  ...hints,
  table: [
    'q quit',
    '[ ] step',
    'Space play',
    '{ } minute',
    ...hints.table.filter((hint) => !/^(q|Space) /.test(hint)),
  ],
  details: ['Esc back', '[ ] step', 'Space play', 'q quit'],
};

export function footerLine(state: State, width: number, paint: Paint): string {
  if (state.mode === 'filter') return promptLine(state, width, paint);
  const shown = (state.isPast ? pastHints : hints)[state.mode];
  return paint('dim', joinThatFit(shown, '   ', width));
}

/** Shows the end of what is typed, and what is wrong with it. */
function promptLine({ filterText, filter }: State, width: number, paint: Paint): string {
  const [problem] = filter.problems;
  const complaint = problem === undefined ? '' : truncate(`  ${problem.message}`, Math.floor(width / 2));
  const room = Math.max(1, width - displayWidth(complaint) - 2);
  let typed = escapeText(filterText);
  while (displayWidth(typed) > room) typed = [...typed].slice(1).join('');
  return `/${typed}${paint('inverse', '_')}${problem === undefined ? '' : paint('red', escapeText(complaint))}`;
}
