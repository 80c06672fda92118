/** A terminal for tests: what Weir uses of standard input, and what a screen shows after all that was written. */
import { PassThrough, Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** A control sequence with its parameters and final byte, or text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const pieces = /(\x1b\[([\d;?]*)([A-Za-z]))|[^\x1b]+/g;

export class FakeStdin extends PassThrough {
  readonly isTTY = true;
  isRaw = false;

  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }

  get asStream(): ReadStream {
    return this as unknown as ReadStream;
  }
}

/** Acts on what Weir writes, and fails for anything else. */
export class FakeScreen extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** All that was written. */
  written = '';
  writes = 0;
  isAlternate = false;
  isCursorShown = true;
  #lines: string[] = [];
  #row = 0;

  constructor(columns: number, rows: number) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
  }

  /** Its lines, without styles and spaces at their ends. */
  get text(): string {
    const shown = Array.from({ length: this.rows }, (_, row) => (this.#lines[row] ?? '').trimEnd());
    return `${shown.join('\n')}\n`;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#lines = this.#lines.map(() => 'left over');
    this.emit('resize');
  }

  override _write(chunk: string, _: BufferEncoding, callback: () => void): void {
    this.written += chunk;
    this.writes++;
    for (const [piece, sequence, parameters, action] of chunk.matchAll(pieces)) {
      if (sequence === undefined) this.#lines[this.#row] = (this.#lines[this.#row] ?? '') + piece;
      else this.#act(parameters!, action!);
    }
    callback();
  }

  #act(parameters: string, action: string): void {
    switch (parameters + action) {
      case '?1049h':
      case '?1049l':
        this.isAlternate = action === 'h';
        this.#lines = [];
        return;
      case '?25h':
      case '?25l':
        this.isCursorShown = action === 'h';
        return;
      case '2J':
        this.#lines = [];
        return;
      case 'K':
        this.#lines[this.#row] = '';
        return;
      case 'H':
        this.#row = 0;
        return;
    }
    const place = /^(\d+);1H$/.exec(parameters + action);
    if (place !== null) this.#row = Number(place[1]) - 1;
    else if (action !== 'm' && !/^\?(7|2026)[hl]$/.test(parameters + action)) {
      throw new Error(`no terminal is expected to know ${JSON.stringify(parameters + action)}`);
    }
  }
}
