/** What a control plane hands on to the next one besides what is pinned: a small file, gone with the next boot. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/schema.js';
import type { Drain } from './controller.js';

export interface ControlState {
  readonly drains: readonly Drain[];
  /** Of the program's tables only this one cannot be listed. */
  readonly globalFlows: readonly Config['globalFlows'][number][];
}

const VERSION = 1;

export class StateFile {
  readonly #path: string;
  readonly #onError: (error: Error) => void;

  /** @param onError is told what goes wrong: nothing that is forwarded depends on the file. */
  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** What is there; undefined if that is nothing, or no use. */
  read(): ControlState | undefined {
    try {
      const { version, ...state } = JSON.parse(readFileSync(this.#path, 'utf8')) as ControlState & {
        version: number;
      };
      return version === VERSION ? state : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        const why = `${this.#path}: ${(error as Error).message}`;
        this.#onError(
          new Error(`reals that were drained get new flows again; drain them anew (${why})`, {
            cause: error,
          }),
        );
      }
      return undefined;
    }
  }

  /** Replaces what is there, in one step. */
  write(state: ControlState): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      const next = `${this.#path}.new`;
      writeFileSync(next, JSON.stringify({ version: VERSION, ...state }), { mode: 0o600 });
      renameSync(next, this.#path);
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  /** Nobody goes on. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }
}
