/** State for the next control plane that is not pinned: a small file, which the next boot removes. */
import {
  closeSync,
  constants as fileConstants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/schema.js';
import { claimFolder, isTrusted } from '../lifecycle/own-folder.js';
import type { SavedSource } from '../sources/real-sources.js';
import type { Drain } from './controller.js';

/** The state of a control plane. */
export interface ControlState {
  readonly drains: readonly Drain[];
  /** Entries of the only table of the program that cannot be listed. */
  readonly globalFlows: readonly Config['globalFlows'][number][];
  /** What sources named last. */
  readonly sources?: readonly SavedSource[];
}

const formatVersion = 1;

/** The file of a control plane's state. */
export class StateFile {
  readonly #path: string;
  readonly #onError: (error: Error) => void;

  /** @param onError Receives errors of reading, writing and removing, which do not affect forwarding. */
  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** Reads the state; returns undefined if there is none, or if it is unusable. */
  read(): ControlState | undefined {
    try {
      const { version, ...state } = JSON.parse(readTrusted(this.#path)) as ControlState & {
        version: number;
      };
      return version === formatVersion ? state : undefined;
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

  /** Replaces the state, in one step. */
  write(state: ControlState): void {
    try {
      claimFolder(dirname(this.#path), 0o755);
      const next = `${this.#path}.new`;
      // Created anew, so that no link of somebody else is followed.
      rmSync(next, { force: true });
      writeFileSync(next, JSON.stringify({ version: formatVersion, ...state }), { mode: 0o600, flag: 'wx' });
      renameSync(next, this.#path);
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  /** Removes the file, if there is one. */
  remove(): void {
    try {
      rmSync(this.#path, { force: true });
    } catch (error) {
      this.#onError(error as Error);
    }
  }
}

/** Reads a file that nobody else may have written. @throws Error of the system; Error for a file of somebody else */
function readTrusted(path: string): string {
  const file = openSync(path, fileConstants.O_RDONLY | fileConstants.O_NOFOLLOW);
  try {
    if (!isTrusted(fstatSync(file))) throw new Error('others may have written to it');
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
