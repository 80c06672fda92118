/** The file of tokens of `weir serve`, with its roles. */
import {
  addTokenTo,
  readTokenFile,
  removeTokenFrom,
  type StoredToken,
  type TokenRequest,
} from '@weir/http/auth';
import { type Role, roles } from './roles.js';

/** Reads all tokens; none where there is no file. @throws FormatError for a damaged one, or one that others may read */
export function readTokens(path: string): readonly StoredToken<Role>[] {
  return readTokenFile(path, roles);
}

/**
 * Adds a token.
 *
 * @returns The token itself, which is stored nowhere.
 * @throws OptionError for a name that is in use, or is none
 */
export function addToken(path: string, request: TokenRequest<Role>, now = Date.now()): string {
  return addTokenTo(path, roles, request, now);
}

/** Removes a token. @throws OptionError if there is none of that name */
export function removeToken(path: string, name: string): void {
  removeTokenFrom(path, roles, name);
}
