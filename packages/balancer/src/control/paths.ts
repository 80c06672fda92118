/** Paths of control sockets. */
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';

const socketFolder = '/run/weir';
const socketPrefix = 'balance-';
const socketSuffix = '.sock';

/** The path of a balancer's control socket, unless the configuration names another. */
export function defaultSocket(name: string): string {
  return join(socketFolder, `${socketPrefix}${name}${socketSuffix}`);
}

/** Who may ask for less than everything: `drain` also drains, `read` only sees. From the one that may do more. */
export const controlRoles = ['drain', 'read'] as const;

/** The path of a role's socket, beside the one for everything. */
export function rolePath(socket: string, role: (typeof controlRoles)[number]): string {
  const start = socket.endsWith(socketSuffix) ? socket.slice(0, -socketSuffix.length) : socket;
  return `${start}.${role}${socketSuffix}`;
}

/** The socket that this process may open and that allows the most; the one for everything if it may open none. */
export function usableSocket(socket: string): string {
  if (isUsable(socket)) return socket;
  return controlRoles.map((role) => rolePath(socket, role)).find(isUsable) ?? socket;
}

function isUsable(socket: string): boolean {
  try {
    accessSync(socket, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The file beside a socket in which state is kept for the next control plane. */
export function statePath(socket: string): string {
  return `${socket.endsWith(socketSuffix) ? socket.slice(0, -socketSuffix.length) : socket}.json`;
}

/** Names of the balancers that have a socket in a folder, by default /run/weir; none if it cannot be read. */
export function socketNames(folder = socketFolder): string[] {
  try {
    return (
      readdirSync(folder)
        .filter((file) => file.startsWith(socketPrefix) && file.endsWith(socketSuffix))
        .map((file) => file.slice(socketPrefix.length, -socketSuffix.length))
        // Names have no dot; sockets of roles do.
        .filter((name) => !name.includes('.'))
    );
  } catch {
    return [];
  }
}
