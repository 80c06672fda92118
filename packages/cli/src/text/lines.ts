/** Records as aligned, readable lines. */

import { stripVTControlCharacters } from 'node:util';
import type { EventName } from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { localClock } from './clock.js';
import { noColour, type Paint, type Style } from './colour.js';
import { details } from './details.js';
import { fitEndpoint, formatLocal, formatPeer } from './endpoint.js';
import { escapeText } from './escape.js';
import { grow, type Layout, layoutFor } from './layout.js';
import { displayWidth, padEnd, truncate } from './width.js';

export interface TextOptions {
  /** Columns of the terminal; absent where lines are to be neither broken nor cut. */
  readonly width?: number | undefined;
  readonly paint?: Paint;
}

const eventStyles: Readonly<Record<EventName, Style>> = {
  connect: 'green',
  accept: 'cyan',
  close: 'blue',
  fail: 'red',
  udp_flow: 'magenta',
  fd_install: 'dim',
  lost: 'yellow',
};

/** Labels in the column EVENT, where they differ from the event's own name. */
const labels: Readonly<Partial<Record<EventName, string>>> = { udp_flow: 'udp', fd_install: 'fd' };

const arrows = { outbound: ' → ', inbound: ' ← ' } as const;
/** Between the ends of a connection that is older than the tracer. */
const noArrow = ' - ';

/** Formats records one by one; remembers how wide the endpoint columns had to become. */
export class TextFormatter {
  readonly #paint: Paint;
  readonly #clock = localClock();
  #layout: Layout;
  #localWidth: number;
  #peerWidth: number;

  constructor(options: TextOptions = {}) {
    this.#paint = options.paint ?? noColour;
    this.#layout = layoutFor(options.width ?? Number.POSITIVE_INFINITY);
    this.#localWidth = this.#peerWidth = grow(0, 0, this.#layout);
  }

  /** Adapts to a new width of the terminal. */
  resize(width: number): void {
    this.#layout = layoutFor(width);
    this.#localWidth = this.#peerWidth = grow(0, 0, this.#layout);
  }

  /** The columns' names, with a line break. */
  header(): string {
    const layout = this.#layout;
    const names = ['TIME'.padEnd(layout.time), 'EVENT'.padEnd(layout.event), 'PID'.padStart(layout.pid)];
    const ends = `${'LOCAL'.padEnd(this.#localWidth + noArrow.length)}PEER`;
    const lines = layout.isNarrow
      ? [[...names, 'COMM'], [' '.repeat(layout.indent) + ends]]
      : [[...names, 'COMM'.padEnd(layout.comm), ends]];
    return lines.map((line) => `${this.#paint('bold', line.join(' '))}\n`).join('');
  }

  /** One record with its line break; on a terminal that is too narrow, on more than one line. */
  line(record: EnrichedRecord): string {
    const layout = this.#layout;
    const paint = this.#paint;
    const time = paint('dim', this.#clock(record.time).slice(0, layout.time));
    const label = labels[record.event] ?? record.event;
    const event = paint(eventStyles[record.event], label.padEnd(layout.event));
    if (record.event === 'lost') {
      return this.#besideOrBelow(`${time} ${event}`, details(record).join(', '), 'yellow');
    }

    const pid = String(record.process?.pid ?? '-').padStart(layout.pid);
    const name = escapeText(record.process?.comm ?? '-');
    const comm = padEnd(
      layout.total === Number.POSITIVE_INFINITY ? name : truncate(name, layout.comm),
      layout.comm,
    );
    const head = `${time} ${event} ${pid} ${comm}`;
    if (record.event === 'fd_install') return this.#besideOrBelow(head, details(record).join(', '));

    const local = formatLocal(record.local, record.interface);
    const peer = formatPeer(record.peer, record.interface);
    const arrow = record.direction === undefined ? noArrow : arrows[record.direction];
    if (layout.isNarrow) return this.#narrow(head, local, arrow, peer, record);
    this.#localWidth = grow(this.#localWidth, local.length, layout);
    this.#peerWidth = grow(this.#peerWidth, peer.length, layout);
    const ends = `${head} ${fitEndpoint(local, this.#localWidth).padEnd(this.#localWidth)}${arrow}`;
    return this.#withDetails(ends, fitEndpoint(peer, this.#peerWidth), record);
  }

  /** Puts the details behind the peer, or where they do not fit, on lines of their own below LOCAL. */
  #withDetails(head: string, peer: string, record: EnrichedRecord): string {
    const parts = details(record).map((part) => this.#fit(part));
    if (parts.length === 0) return `${head}${peer}\n`;
    const { indent, total } = this.#layout;
    const start = indent + this.#localWidth + noArrow.length + this.#peerWidth + 1;
    const text = parts.join(', ');
    const shown = record.event === 'fail' ? this.#paint('red', text) : text;
    if (start + displayWidth(text) <= total) return `${head}${peer.padEnd(this.#peerWidth)} ${shown}\n`;
    return `${head}${peer}\n${this.#below(parts)}`;
  }

  /** Puts the ends below the process, and the details below these. */
  #narrow(head: string, local: string, arrow: string, peer: string, record: EnrichedRecord): string {
    const { indent, total, endpointMax } = this.#layout;
    const margin = ' '.repeat(indent);
    const isPair = local.length <= endpointMax && peer.length <= endpointMax;
    const room = total - indent;
    const ends = isPair
      ? `${margin}${local.padEnd(this.#localWidth)}${arrow}${peer}`
      : `${margin}${fitEndpoint(local, room)}\n${arrow.trimStart()}${fitEndpoint(peer, room)}`;
    return `${head}\n${ends}\n${this.#below(details(record).map((part) => this.#fit(part)))}`;
  }

  #below(parts: readonly string[]): string {
    const { indent, total } = this.#layout;
    return wrap(parts, total - indent)
      .map((line) => `${' '.repeat(indent)}${line}\n`)
      .join('');
  }

  /** A short text behind others, or on a terminal that has no room for it, below. */
  #besideOrBelow(head: string, text: string, style?: Style): string {
    const paint = (part: string) => (style === undefined ? part : this.#paint(style, part));
    const isBeside =
      displayWidth(stripVTControlCharacters(head)) + 1 + displayWidth(text) <= this.#layout.total;
    return isBeside ? `${head} ${paint(text)}\n` : `${head}\n${paint(this.#below([this.#fit(text)]))}`;
  }

  /** Cuts what is longer than a line below LOCAL. */
  #fit(text: string): string {
    const { indent, total } = this.#layout;
    // Behind it there may be a comma.
    return total === Number.POSITIVE_INFINITY ? text : truncate(text, Math.max(1, total - indent - 1));
  }
}

/** Joins parts by commas to lines of at most `width` columns, or one part where that is longer. */
function wrap(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + displayWidth(part) + 3 <= width) {
      lines[lines.length - 1] = `${last}, ${part}`;
    } else {
      if (last !== undefined) lines[lines.length - 1] = `${last},`;
      lines.push(part);
    }
  }
  return lines;
}
