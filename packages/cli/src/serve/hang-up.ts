/** SIGHUP: whoever runs a service asks for the configuration to be read again by it; or a terminal has gone. */
import { closeSync, openSync } from 'node:fs';
import type { SignalSource } from '../trace/interruption.js';

/** Handles it until it is disposed of. */
export class HangUp implements Disposable {
  /** Reads the configuration again. Calls do not overlap. */
  onReload: () => Promise<void> = async () => {};
  readonly #source: SignalSource;
  readonly #listener: () => void;
  #last: Promise<void> = Promise.resolve();

  /** @param end Called when the terminal has gone in which the process was started. */
  constructor(source: SignalSource, end: () => void) {
    const hadTerminal = hasTerminal();
    this.#source = source;
    this.#listener = () => {
      if (hadTerminal && !hasTerminal()) end();
      else this.#last = this.#last.then(() => this.onReload());
    };
    source.on('SIGHUP', this.#listener);
  }

  [Symbol.dispose](): void {
    this.#source.off('SIGHUP', this.#listener);
  }
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
