/** The tokens of a file, read again when it changes: a token that is added or removed counts within seconds. */
import { statSync } from 'node:fs';
import type { StoredToken } from './token.js';
import { readTokenFile } from './token-file.js';

const INTERVAL_MS = 500;

/** Watches the file. */
export class TokenSource<Role extends string> implements Disposable {
  readonly #path: string;
  readonly #roles: readonly Role[];
  readonly #onProblem: (message: string) => void;
  readonly #timer: NodeJS.Timeout;
  #version: string;
  #tokens: readonly StoredToken<Role>[];

  /** Reads the file. @throws FormatError for a damaged one, or one that others may read */
  constructor(
    path: string,
    roles: readonly Role[],
    onChange: () => void,
    onProblem: (message: string) => void,
  ) {
    this.#path = path;
    this.#roles = roles;
    this.#onProblem = onProblem;
    this.#version = versionOf(path);
    this.#tokens = readTokenFile(path, roles);
    this.#timer = setInterval(() => {
      if (this.refresh()) onChange();
    }, INTERVAL_MS).unref();
  }

  /** The tokens as they were read last. */
  get tokens(): readonly StoredToken<Role>[] {
    return this.#tokens;
  }

  /** Reads the file again if it has changed; whether it has. A damaged one is reported, and the earlier tokens stay. */
  refresh(): boolean {
    const version = versionOf(this.#path);
    if (version === this.#version) return false;
    this.#version = version;
    try {
      this.#tokens = readTokenFile(this.#path, this.#roles);
      return true;
    } catch (error) {
      this.#onProblem(`the earlier tokens stay valid: ${(error as Error).message}`);
      return false;
    }
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Differs when the file has been replaced or written to. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.size} ${stat.mode}`;
}
