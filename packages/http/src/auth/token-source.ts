/** Tokens in files, read again when these change: a token that is added or removed counts within seconds. */
import { statSync } from 'node:fs';
import type { StoredToken } from './token.js';
import { readTokenFile } from './token-file.js';

const INTERVAL_MS = 500;

/** Where tokens are, and how they are read. */
export interface TokenFiles<Role extends string> {
  readonly paths: readonly string[];
  /** @throws FormatError, OptionError for what cannot be used */
  read(): readonly StoredToken<Role>[];
}

/** The file of all tokens that a command makes. */
export function ownTokenFile<Role extends string>(path: string, roles: readonly Role[]): TokenFiles<Role> {
  return { paths: [path], read: () => readTokenFile(path, roles) };
}

/** Watches files of tokens. */
export class TokenSource<Role extends string> implements Disposable {
  readonly #onProblem: (message: string) => void;
  readonly #timer: NodeJS.Timeout;
  #files: TokenFiles<Role>;
  #version: string;
  #tokens: readonly StoredToken<Role>[];

  /** Reads the files. @throws the errors of reading them */
  constructor(files: TokenFiles<Role>, onChange: () => void, onProblem: (message: string) => void) {
    this.#files = files;
    this.#onProblem = onProblem;
    this.#version = versionOf(files);
    this.#tokens = files.read();
    this.#timer = setInterval(() => {
      if (this.refresh()) onChange();
    }, INTERVAL_MS).unref();
  }

  /** The tokens as they were read last. */
  get tokens(): readonly StoredToken<Role>[] {
    return this.#tokens;
  }

  /** Uses other files. @throws the errors of reading them; then the earlier ones stay */
  update(files: TokenFiles<Role>): void {
    const version = versionOf(files);
    this.#tokens = files.read();
    this.#files = files;
    this.#version = version;
  }

  /** Reads the files again if one has changed; whether that has brought tokens. What cannot be used is reported, and the earlier tokens stay. */
  refresh(): boolean {
    const version = versionOf(this.#files);
    if (version === this.#version) return false;
    this.#version = version;
    try {
      this.#tokens = this.#files.read();
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

/** Differs when a file has been replaced or written to, or can no longer be looked at. */
function versionOf({ paths }: TokenFiles<string>): string {
  return paths.map(stateOf).join();
}

function stateOf(path: string): string {
  try {
    const { ino, mtimeNs, size, mode } = statSync(path, { bigint: true });
    return `${ino} ${mtimeNs} ${size} ${mode}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
