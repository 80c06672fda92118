/** The file with the digests of all tokens, which its owner alone may read. */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { z } from 'zod';
import { newToken, type StoredToken, tokenDigest } from './token.js';

const MAX_TOKENS = 1000;

/** Names of tokens, as they are shown in lists and in the audit log. */
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$/);

function fileSchema<Role extends string>(roles: readonly Role[]) {
  return z.strictObject({
    version: z.literal(1),
    tokens: z
      .array(
        z.strictObject({
          name,
          role: z.enum(roles as readonly [Role, ...Role[]]),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          created: z.iso.datetime(),
          expires: z.iso.datetime().exactOptional(),
        }),
      )
      .max(MAX_TOKENS),
  });
}

/** What a new token is to be. */
export interface TokenRequest<Role extends string = string> {
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since 1970. */
  readonly expires?: number;
}

/**
 * Reads all tokens; none where there is no file.
 *
 * @param roles What tokens may allow there.
 * @throws FormatError for a damaged one, or one that others may read
 */
export function readTokenFile<Role extends string>(
  path: string,
  roles: readonly Role[],
): readonly StoredToken<Role>[] {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'ELOOP') throw new FormatError(`${path} is a link, and no file of tokens`);
    throw error;
  }
  try {
    const { mode } = fstatSync(fd);
    if ((mode & 0o077) !== 0) throw new FormatError(`${path} can be read by others: chmod 600 ${path}`);
    return parse(path, readFileSync(fd, 'utf8'), roles);
  } finally {
    closeSync(fd);
  }
}

function parse<Role extends string>(
  path: string,
  text: string,
  roles: readonly Role[],
): readonly StoredToken<Role>[] {
  try {
    return fileSchema(roles).parse(JSON.parse(text)).tokens as readonly StoredToken<Role>[];
  } catch (error) {
    const what = error instanceof SyntaxError ? error.message : 'something in it has another form';
    throw new FormatError(`${path} is no file of tokens: ${what}`, { cause: error });
  }
}

/** @throws OptionError for a text that cannot be a token's name */
export function checkTokenName(text: string): void {
  if (!name.safeParse(text).success)
    throw new OptionError(
      'a name has letters, digits, and after the first also _ . @ -, at most 63 together',
    );
}

/**
 * Adds a token.
 *
 * @returns The token itself, which is stored nowhere.
 * @throws OptionError for a name that is in use, or is none
 */
export function addTokenTo<Role extends string>(
  path: string,
  roles: readonly Role[],
  request: TokenRequest<Role>,
  now = Date.now(),
): string {
  const tokens = readTokenFile(path, roles);
  checkTokenName(request.name);
  if (tokens.some((token) => token.name === request.name))
    throw new OptionError(
      `there is a token ${request.name} already: remove it first, or choose another name`,
    );
  if (tokens.length >= MAX_TOKENS)
    throw new OptionError(`there are ${MAX_TOKENS} tokens, and may not be more`);
  const token = newToken();
  const { expires } = request;
  const stored: StoredToken = {
    name: request.name,
    role: request.role,
    sha256: tokenDigest(token),
    created: new Date(now).toISOString(),
    ...(expires !== undefined && { expires: new Date(expires).toISOString() }),
  };
  write(path, [...tokens, stored]);
  return token;
}

/** Removes a token. @throws OptionError if there is none of that name */
export function removeTokenFrom(path: string, roles: readonly string[], name: string): void {
  const tokens = readTokenFile(path, roles);
  const rest = tokens.filter((token) => token.name !== name);
  if (rest.length === tokens.length) throw new OptionError(`there is no token ${name}`);
  write(path, rest);
}

/** Replaces the file as a whole. Written by root, it belongs to the owner of its folder: the server, which reads it. */
function write(path: string, tokens: readonly StoredToken[]): void {
  const { uid, gid } = statSync(dirname(path));
  const temporary = `${path}.${process.pid}.new`;
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(fd, `${JSON.stringify({ version: 1, tokens }, null, 2)}\n`);
    // By the descriptor: a name may be another file by now.
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
