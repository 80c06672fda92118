/** Paths of control sockets. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const socketFolder = '/run/weir';
const socketPrefix = 'balance-';
const socketSuffix = '.sock';

/** The path of a balancer's control socket, unless the configuration names another. */
export function defaultSocket(name: string): string {
  return join(socketFolder, `${socketPrefix}${name}${socketSuffix}`);
}

/** The file beside a socket in which state is kept for the next control plane. */
export function statePath(socket: string): string {
  return `${socket.endsWith(socketSuffix) ? socket.slice(0, -socketSuffix.length) : socket}.json`;
}

/** Names of the balancers that have a socket in a folder, by default /run/weir; none if it cannot be read. */
export function socketNames(folder = socketFolder): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.startsWith(socketPrefix) && file.endsWith(socketSuffix))
      .map((file) => file.slice(socketPrefix.length, -socketSuffix.length));
  } catch {
    return [];
  }
}
