/** What the warnings about a configuration take from this host. */
import { accessSync, constants, lstatSync, readFileSync, type Stats, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type DeviceFeatures, deviceFeatures } from '../device/device-features.js';
import type { HostView } from './warnings.js';

/** This host, as far as it can be seen without privileges. */
export function thisHost(): HostView {
  const login = loginOf(sshConnection());
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all);
  return {
    addresses: own.map(({ address }) => address),
    networks: own.flatMap(({ cidr }) => cidr ?? []),
    login,
    device: deviceOf,
    isProgram,
    secretProblem,
  };
}

/** The server's end in the value of SSH_CONNECTION: client's address and port, server's address and port. */
export function loginOf(connection: string | undefined): HostView['login'] {
  const [, , address, port] = connection?.split(' ') ?? [];
  if (address === undefined || port === undefined) return undefined;
  return { address: address.replace(/%.*$/, ''), port: Number(port) };
}

function deviceOf(name: string): DeviceFeatures | undefined {
  try {
    return deviceFeatures(name);
  } catch {
    return undefined;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Who checks may not be the one who may read it: its contents do not count. */
function secretProblem(path: string): string | undefined {
  let stats: Stats | undefined;
  try {
    stats = lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
  if (stats === undefined) return `${path} is not there`;
  if (!stats.isFile()) return `${path} is no regular file`;
  return (stats.mode & 0o077) === 0 ? undefined : `${path} can be read or written by others`;
}

/** Most processes between a login and this one. */
const MOST_PARENTS = 32;

/** SSH_CONNECTION of this process or of one that started it: sudo removes it. */
function sshConnection(): string | undefined {
  if (process.env.SSH_CONNECTION !== undefined) return process.env.SSH_CONNECTION;
  let pid = String(process.ppid);
  try {
    for (let i = 0; i < MOST_PARENTS && pid !== '0'; i++) {
      const found = /(?:^|\0)SSH_CONNECTION=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'));
      if (found !== null) return found[1];
      // The name, in parentheses, may have blanks in it.
      pid = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '0';
    }
  } catch {
    // Another user's process: nobody knows.
  }
  return undefined;
}
