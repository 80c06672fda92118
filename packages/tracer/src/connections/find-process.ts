/** Finds the processes of sockets, for connections whose process no event has named. */
import { readState } from '../enrich/procfs.js';
import type { ConnectionProcess } from '../records/record.js';
import type { SocketOwners } from '../sockets/index.js';
import type { FindProcess } from './connection.js';

/** The time for which a process is assumed to keep its name, milliseconds: many sockets belong to the same process. */
const FRESH_MS = 2_000;

/**
 * Finds processes by the descriptors of sockets. If several processes have the socket, the one that an event named is chosen,
 * else the one with the lowest pid: mostly a server's parent rather than one of its workers.
 *
 * A known process starts no search; but a pass over the descriptors of all processes that another socket needs also shows
 * that a socket was passed on.
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
