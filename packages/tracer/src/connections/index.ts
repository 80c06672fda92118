export {
  type BegunConnection,
  type Connection,
  copyConnection,
  type EndedConnection,
  type FindProcess,
  type PlainConnection,
  plainConnection,
  plainProcess,
} from './connection.js';
export { processFinder } from './find-process.js';
export type { ConnectionsOptions, LiveConnections, LiveLosses } from './live.js';
export type { OpenSocket, OpenSockets } from './open-sockets.js';
export { ConnectionTable, type ConnectionTableOptions, type SocketSource } from './table.js';
export type { Totals } from './totals.js';
