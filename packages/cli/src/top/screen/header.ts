/** The lines above the table: the sums, the losses, the tabs of the views. */
import type { LiveLosses } from '@weir/tracer';
import { localTime } from '../../query/times.js';
import type { Paint } from '../../text/colour.js';
import { escapeText } from '../../text/escape.js';
import { formatCount } from '../../text/units.js';
import { displayWidth, truncate } from '../../text/width.js';
import type { Frame } from '../model/frame.js';
import type { PastMoment } from '../model/past-moment.js';
import { rate } from '../table/figures.js';
import { columnsOf, viewNames } from '../table/views.js';
import type { State } from './state.js';

const titles = { connections: 'Connections', processes: 'Processes', peers: 'Peers', listening: 'Listening' };

/** @param shown Rows of the view that meet the filter. */
export function headerLines(
  state: State,
  frame: Frame,
  shown: number,
  width: number,
  paint: Paint,
): string[] {
  const lines = [sums(frame, state, width, paint)];
  const complaint = complaints(frame);
  if (complaint !== '') lines.push(paint('yellow', truncate(complaint, width)));
  lines.push(tabs(state, frame, shown, width, paint));
  return lines;
}

function sums(frame: Frame, state: State, width: number, paint: Paint): string {
  const { totals, connections, sockets, past } = frame;
  const { connected, accepted, failed, retransmits } = totals;
  const tcp = tcpAmong(connections);
  const waiting = sockets === undefined ? '' : `, ${tcpAmong(sockets)} listening`;
  const parts = [
    `sent ${rate(totals.send_rate)}/s, received ${rate(totals.receive_rate)}/s`,
    `${tcp} TCP, ${connections.length - tcp} UDP${waiting}`,
    ...(connected === undefined ? [] : [`connected ${connected}, accepted ${accepted}, failed ${failed}`]),
    ...(retransmits === undefined ? [] : [formatCount(retransmits, 'retransmit')]),
  ];
  const head = past === undefined ? liveHead(state) : pastHead(past, state);
  const text = joinThatFit([head, ...parts], '   ', width);
  return text.replace(/PAUSED|PAST/, (word) => paint('yellow', word));
}

function tcpAmong(items: readonly { readonly transport: 'tcp' | 'udp' }[]): number {
  return items.reduce((sum, { transport }) => sum + (transport === 'tcp' ? 1 : 0), 0);
}

function liveHead({ paused, intervalMs }: State): string {
  return paused ? 'weir top  PAUSED' : `weir top  ${intervalMs / 1000} s`;
}

const edges = { first: ', the first recorded', last: ', the last recorded' };

function pastHead({ at, edge }: PastMoment, { paused, intervalMs }: State): string {
  const way = paused ? 'step' : 'playing';
  return `weir top  PAST ${localTime(at)}${edge === undefined ? '' : edges[edge]}  ${way} ${intervalMs / 1000} s`;
}

const causes: readonly (readonly [keyof LiveLosses, (count: number) => string])[] = [
  ['ring', (count) => `${formatCount(count, 'event')} (the ring buffer was full)`],
  ['map', (count) => `${formatCount(count, 'event')} (the kernel's connection table was full)`],
  ['probe', (count) => `${formatCount(count, 'event')} (the kernel skipped a probe)`],
  ['missed', (count) => `${formatCount(count, 'event')} (the kernel ran no program)`],
  ['datagrams', (count) => `${formatCount(count, 'datagram')} (a table was full)`],
];

/** Says what is missing from the table, and why; empty if nothing is. */
export function complaints({ lost, totals, unread, problems, past }: Frame): string {
  const losses = causes
    .filter(([cause]) => (lost[cause] ?? 0) > 0)
    .map(([cause, describe]) => describe(lost[cause]!));
  const left = (totals.overflow ?? 0) + (totals.untracked ?? 0);
  const parts = [
    ...(past?.complaints ?? []),
    ...(losses.length > 0 ? [`lost: ${losses.join(', ')}`] : []),
    ...(left > 0 ? [`${formatCount(left, 'connection')} not shown: the table is full (--limit)`] : []),
    ...(unread.length > 0
      ? [`${formatCount(unread.length, 'network namespace')} not read: ${escapeText(unread[0]!.reason)}`]
      : []),
    ...problems.map(escapeText),
  ];
  return parts.join('; ');
}

function tabs(state: State, { sockets }: Frame, shown: number, width: number, paint: Paint): string {
  const { view, sorts, filterText, filter, isPast } = state;
  const names = viewNames.map((name, index) => {
    const label = `${index + 1} ${titles[name]}`;
    return name === view ? `[${label}]` : ` ${label} `;
  });
  const full = names.join('');
  const isShort = full.length > width;
  const short = `[${viewNames.indexOf(view) + 1} ${titles[view]}]`;
  let line = isShort ? short : full;
  let used = line.length;
  const { column, descending } = sorts[view];
  const title = columnsOf(view, isPast).find(({ id }) => id === column)?.title || column;
  const isKnown = view !== 'listening' || sockets !== undefined;
  const more = [`${isKnown ? shown : 'unknown'} by ${title} ${descending ? '▼' : '▲'}`];
  if (filterText !== '' && state.mode !== 'filter') {
    more.push(
      `filter: ${escapeText(filterText)}${filter.problems.length > 0 ? ' (wrong terms do not count)' : ''}`,
    );
  }
  if (!isShort) line = names.map((name) => (name.startsWith('[') ? paint('bold', name) : name)).join('');
  for (const part of more) {
    const room = width - used - 2;
    if (room < 8) break;
    const text = truncate(part, room);
    line += `  ${text}`;
    used += 2 + displayWidth(text);
  }
  return line;
}

/** As many of the parts, from the first on, as a line has room for. */
export function joinThatFit(parts: readonly string[], separator: string, width: number): string {
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : line + separator + part;
    if (displayWidth(longer) > width) return line === '' ? truncate(part, width) : line;
    line = longer;
  }
  return line;
}
