/** Processes of sockets, for connections of which no event told who has them. */
import { readState } from '../enrich/procfs.js';
import type { SocketOwners } from '../sockets/index.js';
import type { ConnectionProcess, FindProcess } from './connection.js';

/**
 * Finds processes by who has the socket's descriptor. Of several, the one that an event told of, else the oldest, is
 * taken: that is a server's parent rather than one of its workers.
 *
 * A socket whose process is known is not looked for; but if the descriptors of all processes are looked at for another's
 * sake, a socket that was passed on is noticed.
 */
export function processFinder(owners: SocketOwners, read: typeof readState = readState): FindProcess {
  return (inode, known) => {
    const pids = known === undefined ? owners.pids(inode) : owners.peek(inode);
    if (pids === undefined || (known !== undefined && pids.includes(known.pid))) return known;
    return describe(pids[0]!, read);
  };
}

function describe(pid: number, read: typeof readState): ConnectionProcess {
  const comm = read(pid)?.comm;
  return { pid, ...(comm !== undefined && { comm }) };
}
