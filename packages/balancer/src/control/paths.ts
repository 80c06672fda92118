/** Paths of control sockets. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = '/run/weir';
const PREFIX = 'balance-';
const SUFFIX = '.sock';

/** The path of a balancer's control socket, unless the configuration names another. */
export function defaultSocket(name: string): string {
  return join(FOLDER, `${PREFIX}${name}${SUFFIX}`);
}

/** The file beside a socket in which state is kept for the next control plane. */
export function statePath(socket: string): string {
  return `${socket.endsWith(SUFFIX) ? socket.slice(0, -SUFFIX.length) : socket}.json`;
}

/** Names of the balancers that have a socket in the default folder. */
export function socketNames(folder = FOLDER): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.startsWith(PREFIX) && file.endsWith(SUFFIX))
      .map((file) => file.slice(PREFIX.length, -SUFFIX.length));
  } catch {
    return [];
  }
}
