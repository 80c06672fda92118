/** Tokens of the configuration, each in a file of its own, as where Kubernetes replaces a Secret. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { OptionError } from '@weir/ebpf/errors';
import { isToken, type StoredToken, type TokenFiles, tokenDigest } from '@weir/http/auth';
import type { Role } from './roles.js';

/** A token as the configuration has it. */
export interface ConfiguredToken {
  readonly name: string;
  readonly role: Role;
  /** A file with the token itself. */
  readonly file: string;
}

/** Their files. Reading throws an OptionError for one that cannot be read, or that has no token. */
export function configuredTokens(configured: readonly ConfiguredToken[]): TokenFiles<Role> {
  return { paths: configured.map(({ file }) => file), read: () => configured.map(readToken) };
}

function readToken({ name, role, file }: ConfiguredToken): StoredToken<Role> {
  const { text, created } = readText(name, file);
  if (isToken(text)) return { name, role, sha256: tokenDigest(text), created };
  throw new OptionError(
    `tokens: ${name}: ${file} has no token: weir_ and 43 characters, 256 random bits in base64url`,
  );
}

function readText(name: string, file: string): { readonly text: string; readonly created: string } {
  let fd: number | undefined;
  try {
    // What is no file, such as a pipe, must not make the server wait.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new OptionError(`${file}: expected a file`);
    return { text: readFileSync(fd, 'latin1').trim(), created: stats.mtime.toISOString() };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const who = code === 'EACCES' ? ": the server's user has to be able to read it" : '';
    throw new OptionError(`tokens: ${name}: ${message}${who}`, { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
