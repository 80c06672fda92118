/** Tokens: random, shown once, and stored as a digest. Pure. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const PREFIX = 'weir_';
const RANDOM_BYTES = 32;
const format = /^weir_[A-Za-z0-9_-]{43}$/;

/** A token as it is stored. */
export interface StoredToken<Role extends string = string> {
  readonly name: string;
  /** What it allows. */
  readonly role: Role;
  /** SHA-256 of the token, 64 hexadecimal digits: nobody can guess 256 random bits, so no slow digest is needed. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly created: string;
  /** RFC 3339; from then on it is refused. Absent: never. */
  readonly expires?: string;
}

/** A new token, 256 random bits. */
export function newToken(): string {
  return `${PREFIX}${randomBytes(RANDOM_BYTES).toString('base64url')}`;
}

/** Whether a text has the form of a token. */
export function isToken(text: string): boolean {
  return format.test(text);
}

/** The digest of a token. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Whether a token is refused from now on, or was before. @param now Milliseconds since 1970. */
export function hasExpired({ expires }: Pick<StoredToken, 'expires'>, now: number): boolean {
  return expires !== undefined && Date.parse(expires) <= now;
}

/**
 * The stored token that a text is. It is compared with all of them, each in a time that does not depend on what is equal.
 *
 * @param now Milliseconds since 1970.
 */
export function findToken<Role extends string>(
  text: string,
  tokens: readonly StoredToken<Role>[],
  now: number,
): StoredToken<Role> | undefined {
  const isOne = isToken(text);
  const digest = Buffer.from(tokenDigest(isOne ? text : ''), 'hex');
  let found: StoredToken<Role> | undefined;
  for (const token of tokens) {
    if (timingSafeEqual(digest, Buffer.from(token.sha256, 'hex'))) found = token;
  }
  return found === undefined || !isOne || hasExpired(found, now) ? undefined : found;
}
