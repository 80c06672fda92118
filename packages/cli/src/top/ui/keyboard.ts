/** Keys from a terminal in raw mode. node:readline puts bytes together to characters and sequences. */

import { emitKeypressEvents, type Interface, type Key as ReadlineKey } from 'node:readline';
import type { ReadStream } from 'node:tty';
import type { Key } from '../screen/keys.js';

/**
 * Milliseconds until an escape character stands for the Escape key, if nothing follows: long enough for a sequence that
 * a network splits, short enough not to be noticed.
 */
export const escapeDelayMs = 50;

export class Keyboard {
  readonly #stdin: ReadStream;
  readonly #onKeypress: (text: string | undefined, key: ReadlineKey) => void;

  constructor(stdin: ReadStream, press: (key: Key) => void) {
    this.#stdin = stdin;
    this.#onKeypress = (text, key) => {
      const pressed = keyOf(text, key);
      if (pressed !== undefined) press(pressed);
    };
    // A real Interface would edit lines and show a prompt; emitKeypressEvents reads only this option.
    emitKeypressEvents(stdin, { escapeCodeTimeout: escapeDelayMs } as unknown as Interface);
  }

  /** Takes the terminal's input: every key at once, none of them echoed or turned into a signal. */
  start(): void {
    this.#stdin.setRawMode(true);
    this.#stdin.on('keypress', this.#onKeypress);
    this.#stdin.resume();
  }

  /** Gives the input back. A paused stream does not keep the process alive. */
  stop(): void {
    this.#stdin.off('keypress', this.#onKeypress);
    this.#stdin.pause();
    this.#stdin.setRawMode(false);
  }
}

const names: Readonly<Record<string, NonNullable<Key['name']>>> = {
  up: 'up',
  down: 'down',
  left: 'left',
  right: 'right',
  pageup: 'pageup',
  pagedown: 'pagedown',
  home: 'home',
  end: 'end',
  return: 'enter',
  enter: 'enter',
  escape: 'escape',
  backspace: 'backspace',
  delete: 'backspace',
};

/**
 * Turns a key of node:readline into one of Weir; undefined for a key without a meaning in it. Alt is ignored.
 *
 * @param text The character that was typed; undefined for a sequence.
 */
export function keyOf(text: string | undefined, key: ReadlineKey): Key | undefined {
  const { name = '', ctrl = false } = key;
  const known = Object.hasOwn(names, name) ? names[name] : undefined;
  if (known !== undefined) return { text: '', name: known, ...(ctrl && { ctrl }) };
  if (ctrl) return name.length === 1 ? { text: name, ctrl } : undefined;
  if (name === 'tab') return undefined;
  const typed = text ?? withoutAlt(key);
  return typed === undefined ? undefined : { text: typed };
}

/** The character that was typed together with Alt, which arrives behind an escape character. */
function withoutAlt({ meta, sequence = '' }: ReadlineKey): string | undefined {
  const [, character, ...more] = sequence;
  return meta && more.length === 0 ? character : undefined;
}
