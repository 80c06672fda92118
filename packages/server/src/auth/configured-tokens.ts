/** Tokens of the configuration, each in a file of its own, read again when it changes, as where Kubernetes replaces a Secret. */
import { readFileSync, statSync } from 'node:fs';
import { OptionError } from '@weir/ebpf/errors';
import { isToken, type StoredToken, tokenDigest } from '@weir/http/auth';
import type { Role } from './roles.js';

/** A token as the configuration has it. */
export interface ConfiguredToken {
  readonly name: string;
  readonly role: Role;
  /** A file with the token itself. */
  readonly file: string;
}

const INTERVAL_MS = 1000;

/** Reads the files. @throws OptionError for one that cannot be read, or that has no token */
export function readConfiguredTokens(configured: readonly ConfiguredToken[]): readonly StoredToken<Role>[] {
  return configured.map(({ name, role, file }) => {
    const token = readToken(name, file);
    const created = statSync(file).mtime.toISOString();
    return { name, role, sha256: tokenDigest(token), created };
  });
}

function readToken(name: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'latin1').trim();
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const who = code === 'EACCES' ? ": the server's user has to be able to read it" : '';
    throw new OptionError(`tokens: ${name}: ${message}${who}`, { cause: error });
  }
  if (isToken(text)) return text;
  throw new OptionError(
    `tokens: ${name}: ${file} has no token: weir_ and 43 characters, 256 random bits in base64url`,
  );
}

/** Watches the files of a configuration. */
export class ConfiguredTokens implements Disposable {
  readonly #onChange: () => void;
  readonly #onProblem: (message: string) => void;
  readonly #timer: NodeJS.Timeout;
  #configured: readonly ConfiguredToken[];
  #version: string;
  #tokens: readonly StoredToken<Role>[];

  /** Reads the files. @throws OptionError for one that cannot be read, or that has no token */
  constructor(
    configured: readonly ConfiguredToken[],
    onChange: () => void,
    onProblem: (message: string) => void,
  ) {
    this.#configured = configured;
    this.#onChange = onChange;
    this.#onProblem = onProblem;
    this.#version = versionOf(configured);
    this.#tokens = readConfiguredTokens(configured);
    this.#timer = setInterval(() => this.refresh(), INTERVAL_MS).unref();
  }

  /** The tokens as they were read last. */
  get tokens(): readonly StoredToken<Role>[] {
    return this.#tokens;
  }

  /** Uses those of another configuration. @throws OptionError; then the earlier ones stay */
  update(configured: readonly ConfiguredToken[]): void {
    const version = versionOf(configured);
    this.#tokens = readConfiguredTokens(configured);
    this.#configured = configured;
    this.#version = version;
  }

  /** Reads the files again if one has changed. Where one cannot be used, that is reported, and the earlier tokens stay. */
  refresh(): void {
    const version = versionOf(this.#configured);
    if (version === this.#version) return;
    this.#version = version;
    try {
      this.#tokens = readConfiguredTokens(this.#configured);
      this.#onChange();
    } catch (error) {
      this.#onProblem(`the earlier tokens stay valid: ${(error as Error).message}`);
    }
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Differs when a file has been replaced or written to. */
function versionOf(configured: readonly ConfiguredToken[]): string {
  return configured
    .map(({ file }) => {
      const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.size} ${stat.mode}`;
    })
    .join();
}
