/** Processes of sockets, for connections of which no event told who has them. */
import { readState } from '../enrich/procfs.js';
import type { ConnectionProcess } from '../records/record.js';
import type { SocketOwners } from '../sockets/index.js';
import type { FindProcess } from './connection.js';

/** For how long a process is taken to have the name it had, milliseconds: many sockets are of the same one. */
const FRESH_MS = 2_000;

/**
 * Finds processes by who has the socket's descriptor. Of several, the one that an event told of, else the one with the
 * lowest pid, is taken: mostly a server's parent rather than one of its workers.
 *
 * A socket whose process is known is not looked for; but if the descriptors of all processes are looked at for another's
 * sake, a socket that was passed on is noticed.
 */
export function processFinder(owners: SocketOwners, read: typeof readState = readState): FindProcess {
  const described = new Map<number, ConnectionProcess>();
  let describedAt = Number.NEGATIVE_INFINITY;
  const describe = (pid: number): ConnectionProcess => {
    if (performance.now() - describedAt >= FRESH_MS) {
      described.clear();
      describedAt = performance.now();
    }
    let process = described.get(pid);
    if (process === undefined) {
      const comm = read(pid)?.comm;
      process = { pid, ...(comm !== undefined && { comm }) };
      described.set(pid, process);
    }
    return process;
  };
  const find = (inode: number, known: ConnectionProcess | undefined) => {
    const pids = known === undefined ? owners.pids(inode) : owners.peek(inode);
    if (pids === undefined || (known !== undefined && pids.includes(known.pid))) return known;
    return describe(pids[0]!);
  };
  return Object.defineProperty(find, 'version', { get: () => owners.passes });
}
