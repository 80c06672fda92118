/**
 * Puts frames on a terminal's screen, and writes only the lines that differ from what is there. That makes a screen cheap
 * over ssh, and free of flicker.
 */

/**
 * CUP: to the first column of a row, from 1. SGR 0: no style. EL: clear to the end of the line, which behind a line as wide as
 * the terminal would take its last character. ED: clear all.
 */
const place = (row: number) => `\x1b[${row};1H`;
const clearRest = '\x1b[0m\x1b[K';
const clearAll = '\x1b[H\x1b[2J';
/** Mode 2026: a terminal that knows it shows all of an update at once. */
const begin = '\x1b[?2026h';
const end = '\x1b[?2026l';

export class Painter {
  readonly #target: NodeJS.WritableStream;
  #shown: readonly string[] | undefined;

  constructor(target: NodeJS.WritableStream) {
    this.#target = target;
  }

  /** Forgets the content of the terminal: the next frame is painted whole. */
  forget(): void {
    this.#shown = undefined;
  }

  /** Shows these lines, in one write. A terminal that is gone is reported by a signal, or by the end of its input. */
  paint(lines: readonly string[]): void {
    const update = changes(this.#shown, lines);
    this.#shown = lines;
    if (update !== '') this.#target.write(update);
  }
}

/** Returns the sequences that turn the lines that are shown into others; empty if they are the same. */
export function changes(shown: readonly string[] | undefined, lines: readonly string[]): string {
  const count = Math.max(lines.length, shown?.length ?? 0);
  let update = '';
  for (let index = 0; index < count; index++) {
    const line = lines[index] ?? '';
    if (shown !== undefined && line === (shown[index] ?? '')) continue;
    if (shown === undefined && line === '') continue;
    update += `${place(index + 1)}${shown === undefined ? '' : clearRest}${line}`;
  }
  if (shown === undefined) return `${begin}${clearAll}${update}${end}`;
  return update === '' ? '' : `${begin}${update}${end}`;
}
