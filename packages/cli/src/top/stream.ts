/** `weir top` without a terminal: a table or a JSON object each interval. */
import type { Output } from '../output/output.js';
import { localTime } from '../query/times.js';
import type { Paint } from '../text/colour.js';
import { jsonPieces } from './frame-json.js';
import type { Enrichment } from './model/enrichment.js';
import type { Frame } from './model/frame.js';
import { tableLines } from './screen/body.js';
import { complaints } from './screen/header.js';
import { rate } from './table/figures.js';
import { type Query, sheetOf, type ViewName } from './table/views.js';

export interface StreamOptions extends Query {
  readonly view: ViewName;
  readonly json: boolean;
  /** At most so many rows. */
  readonly rows: number;
  /** Columns of the terminal; Infinity where lines are not to be fitted to one. */
  readonly width: number;
  readonly paint: Paint;
}

export class StreamPrinter {
  readonly #options: StreamOptions;
  readonly #output: Output;
  #printed = 0;

  constructor(options: StreamOptions, output: Output) {
    this.#options = options;
    this.#output = output;
  }

  get printed(): number {
    return this.#printed;
  }

  /** Prints one frame. @returns whether anybody still reads. */
  async print(frame: Frame, enrichment: Enrichment, time: Date): Promise<boolean> {
    const { json, rows } = this.#options;
    const isFirst = this.#printed++ === 0;
    if (json) await this.#writeJson(jsonPieces(frame, this.#options, enrichment, time, rows));
    else await this.#output.write((isFirst ? '' : '\n') + this.#table(frame, enrichment, time));
    return !this.#output.broken;
  }

  /** Each piece can be forgotten once it is written. */
  async #writeJson(pieces: Buffer[]): Promise<void> {
    pieces.reverse();
    for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop())
      await this.#output.writeData(piece);
  }

  #table(frame: Frame, enrichment: Enrichment, time: Date): string {
    const { view, sort, rows, width, paint } = this.#options;
    const { totals } = frame;
    const sheet = sheetOf(view, frame, this.#options, enrichment);
    const clock = frame.past === undefined ? clockText(time) : `${localTime(frame.past.at)} (past)`;
    const complaint = complaints(frame);
    const isKnown = view !== 'listening' || frame.sockets !== undefined;
    const head = `${clock}  ${view}: ${isKnown ? sheet.size : 'unknown'}  sent ${rate(totals.send_rate)}/s, received ${rate(totals.receive_rate)}/s`;
    const lines = [
      head,
      ...(complaint === '' ? [] : [paint('yellow', complaint)]),
      ...tableLines(sheet, { width, first: 0, rows, sort, paint }),
    ];
    return `${lines.join('\n')}\n`;
  }
}

function clockText(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
