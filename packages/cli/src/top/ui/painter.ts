/**
 * Puts frames on a terminal's screen, and writes only the lines that differ from what is there. That makes a screen cheap
 * over ssh, and free of flicker.
 */
import type { Writable } from 'node:stream';
import { inCharset } from '../../text/charset.js';

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

/** Bytes that may wait for a slow terminal: the whole of a large screen, and keys' worth of changes. */
const MOST_WAITING = 64 * 1024;

export class Painter {
  readonly #target: Writable;
  #shown: readonly string[] | undefined;

  constructor(target: Writable) {
    this.#target = target;
  }

  /** Forgets the content of the terminal: the next frame is painted whole. */
  forget(): void {
    this.#shown = undefined;
  }

  /** Shows these lines, in one write, unless a slow terminal has yet to show others. A terminal that is gone ends the stream. */
  paint(lines: readonly string[]): void {
    if (this.#target.writableLength > MOST_WAITING) return;
    const update = changes(this.#shown, lines);
    this.#shown = lines;
    if (update !== '') this.#target.write(inCharset(update));
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
