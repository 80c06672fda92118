/** The API that the server of a folder has published, checked by whoever is to ask there: a token is sent to that address. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { isAddress } from '@weir/ebpf/address';
import { OptionError } from '@weir/ebpf/errors';
import { isLoopback } from '@weir/http/auth';
import { listenersAt, listListeners } from './listeners.js';
import type { ServePaths } from './paths.js';

/** More bytes than the addresses of a server ever have. */
const MOST_BYTES = 65_536;

/**
 * Where the server of a folder listens on this host, loopback first; undefined where nothing is published.
 *
 * @throws OptionError for a file that no server has written
 */
export function publishedApi({ addresses }: ServePaths): URL | undefined {
  const text = textOf(addresses);
  if (text === undefined) return undefined;
  const urls = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => localUrl(line, addresses));
  return urls.find((url) => isLoopback(addressOf(url))) ?? urls[0];
}

/** The user in whose hands the folder is could have made it a pipe, or a link. */
function textOf(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') return undefined;
    throw new OptionError(`${path} is a link, and no file of a server`);
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile() || found.size > MOST_BYTES) throw new OptionError(`${path} is no file of a server`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** A server that listens at all addresses is reached at loopback. @throws OptionError for an address that is not of this host */
function localUrl(text: string, path: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url?.hostname === '[::]') url.hostname = '[::1]';
  if (url !== undefined && /^https?:\/\/[^/?#@]+\/$/.test(url.href) && isOfThisHost(addressOf(url)))
    return url;
  throw new OptionError(
    `${path} has ${JSON.stringify(text)}, which is no address of this host: --url names a server elsewhere`,
  );
}

function isOfThisHost(address: string): boolean {
  if (!isAddress(address)) return false;
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  return isLoopback(address) || own.some((found) => found.address === address);
}

function addressOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/**
 * Makes sure that a token gets to the server of a folder only: others can change what is in a folder of theirs, and any user can listen
 * at the address of a server that has ended.
 *
 * @throws OptionError where the folder, or the socket at that address, is of another user, and where nothing listens there
 */
export function requireOwnServer(url: URL, { folder, run }: ServePaths): void {
  const owner = ownerOf(folder);
  if (owner !== 0 && owner !== process.geteuid?.())
    throw new OptionError(
      `${folder} belongs to user ${owner}, who would get the token: --url names a server that is to have it`,
    );
  const users: readonly number[] = [0, owner, ownerOf(run)];
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const listeners = listenersAt(listListeners(), addressOf(url), port);
  const name = url.href.replace(/\/$/, '');
  if (listeners.length === 0)
    throw new OptionError(`${name} cannot be asked: nothing listens there: is weir serve running?`);
  const other = listeners.find(({ uid }) => !users.includes(uid));
  if (other !== undefined)
    throw new OptionError(
      `${name}: user ${other.uid} listens there, and not the server of ${folder}: no token was sent`,
    );
}

function ownerOf(folder: string): number {
  const found = statSync(folder);
  if ((found.mode & 0o022) !== 0)
    throw new OptionError(
      `${folder} may be written by others, who would get the token: chmod go-w ${folder}`,
    );
  return found.uid;
}
