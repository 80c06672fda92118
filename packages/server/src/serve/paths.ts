/** Where the parts of `weir serve` are in its folder. Pure. */
import { join } from 'node:path';
import { serverPlaces } from './places.js';

/** Paths in the folder of `weir serve`. */
export interface ServePaths {
  readonly folder: string;
  /** What the server keeps: its own. See {@link serverPlaces}. */
  readonly server: string;
  /** The history in it. */
  readonly history: string;
  /** Batches that wait for the server: the collector's own. */
  readonly spool: string;
  /** How far the collector has come, for the next one. */
  readonly handover: string;
  /** What it knows of open connections, by turns. */
  readonly open: readonly [string, string];
  /** The folder of the server's sockets. */
  readonly run: string;
  /** The server's socket for batches. */
  readonly socket: string;
  /** The server's socket for questions of root and of its own user. */
  readonly api: string;
  /** The file that names, for every user, where the API listens: a URL a line. */
  readonly addresses: string;
  /** The file with the server's process id. */
  readonly pid: string;
}

/** The paths in a folder. */
export function servePaths(folder: string): ServePaths {
  const server = join(folder, 'server');
  const run = join(folder, 'run');
  return {
    folder,
    server,
    history: serverPlaces(server).history,
    spool: join(folder, 'spool'),
    handover: join(folder, 'handover'),
    open: [join(folder, 'handover-open-0'), join(folder, 'handover-open-1')],
    run,
    socket: join(run, 'ingest.sock'),
    api: join(run, 'api.sock'),
    addresses: join(run, 'addresses'),
    pid: join(run, 'server.pid'),
  };
}
