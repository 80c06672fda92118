/** The shared keys of balancers, from a file that only root reads. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { EbpfError } from '@weir/ebpf';
import { isTrusted } from '../lifecycle/own-folder.js';

const OTHERS_READ = 0o077;
const LEAST_BYTES = 32;

/**
 * Reads keys, one a line in hexadecimal digits. The first signs; all are accepted, so that keys can be changed one balancer
 * after the other.
 *
 * @throws EbpfError for a file that others may read or write, or without keys of 32 bytes; Error of the system
 */
export function readSyncKeys(path: string): readonly Buffer[] {
  // What is no file, such as a pipe, must not make the start wait.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  let text: string;
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new EbpfError(`${path}: expected a file with keys`);
    if (!isTrusted(stats) || (stats.mode & OTHERS_READ) !== 0)
      throw new EbpfError(`${path}: others may read or write the key: chown root ${path}; chmod 600 ${path}`);
    text = readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const bad = keys.find((key) => !/^([0-9a-f]{2})+$/i.test(key) || key.length < 2 * LEAST_BYTES);
  if (keys.length === 0 || bad !== undefined)
    throw new EbpfError(
      `${path}: expected a key of ${LEAST_BYTES} bytes or more in hexadecimal digits: openssl rand -hex ${LEAST_BYTES}`,
    );
  return keys.map((key) => Buffer.from(key, 'hex'));
}
