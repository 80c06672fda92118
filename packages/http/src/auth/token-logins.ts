/** Logins by tokens, of which each address may try only so many. */
import { FailedLogins } from './failed-logins.js';
import { findToken, hasExpired, type StoredToken } from './token.js';

/** Why a token does not count. */
export type TokenFailure =
  | { readonly failure: 'wrong' }
  /** Too many failures from there. */
  | { readonly failure: 'blocked'; readonly waitMs: number };

/** Recognizes tokens. Failures stay counted when tokens change. */
export class TokenLogins<Role extends string> {
  readonly #failedLogins = new FailedLogins();
  #tokens: readonly StoredToken<Role>[];

  /** Makes logins of these tokens. */
  constructor(tokens: readonly StoredToken<Role>[]) {
    this.#tokens = tokens;
  }

  /** Other tokens count from now on. */
  update(tokens: readonly StoredToken<Role>[]): void {
    this.#tokens = tokens;
  }

  /** The token that a text is. @param now Milliseconds since 1970. */
  logIn(text: string, address: string, now = Date.now()): StoredToken<Role> | TokenFailure {
    const waitMs = this.#failedLogins.waitMs(address, now);
    if (waitMs > 0) return { failure: 'blocked', waitMs };
    const token = findToken(text, this.#tokens, now);
    if (token !== undefined) return token;
    this.#failedLogins.add(address, now);
    return { failure: 'wrong' };
  }

  /** Whether a token that was recognized would still be. @param now Milliseconds since 1970. */
  isValid(name: string, role: Role, now = Date.now()): boolean {
    return this.#tokens.some(
      (token) => token.name === name && token.role === role && !hasExpired(token, now),
    );
  }
}
