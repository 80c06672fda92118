/** What is said after an answer: what was lost in its range, when nothing was recorded, and who did not answer. */
import type { Answer, Coverage } from '@weir/history/query';
import { escapeText } from '../text/escape.js';
import { formatCount, formatDuration } from '../text/units.js';
import { localTime } from './times.js';

type Range = Answer<unknown>['range'];

/** Lines for standard error, with line breaks. @param what Such as `12 connections`. */
export function coverageLines(
  what: string,
  separator: string,
  { range, losses, unrecorded, incomplete = [] }: Coverage & { readonly range: Range },
): string {
  const isWhole = losses.length + unrecorded.length + incomplete.length === 0;
  const span = range.to - range.from > 1n ? rangeText(range) : localTime(range.from);
  return [
    `${what}${separator}${span}${isWhole ? '; none lost' : ''}`,
    ...losses.map(({ since, time, count, place, detail }) => {
      const many = count === undefined ? 'an unknown number of events' : formatCount(count, 'event');
      const when = since === undefined ? localTime(time) : rangeText({ from: since, to: time });
      return `${many} lost, ${when}: ${escapeText(place)}${detail === undefined ? '' : ` (${escapeText(detail)})`}`;
    }),
    ...unrecorded.map((gap) => {
      const length = gap.to - gap.from > 1n ? ` (${formatDuration(Number(gap.to - gap.from) / 1000)})` : '';
      return `not recorded, no longer kept, or not in yet, ${rangeText(gap)}${length}`;
    }),
    ...incomplete.map(({ host, answered, reason }) => {
      const what = answered ? 'not all of' : 'not answered:';
      return `${what} ${escapeText(host)} (${escapeText(reason)})`;
    }),
  ]
    .map((line) => `weir: ${line}\n`)
    .join('');
}

function rangeText({ from, to }: Range): string {
  const [first, second] = [localTime(from), localTime(to)];
  const isSameDay = first.slice(0, 10) === second.slice(0, 10);
  return `${first} to ${isSameDay ? second.slice(11) : second}`;
}
