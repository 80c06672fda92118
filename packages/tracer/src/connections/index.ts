export {
  type Connection,
  type ConnectionProcess,
  type EndedConnection,
  type FindProcess,
  type PlainConnection,
  plainConnection,
} from './connection.js';
export type { UdpFigures } from './figures.js';
export { processFinder } from './find-process.js';
export type { ConnectionsOptions, LiveConnections, LiveLosses } from './live.js';
export type { OpenSocket, OpenSockets } from './open-sockets.js';
export { ConnectionTable, type ConnectionTableOptions, type SocketSource } from './table.js';
export type { Totals } from './totals.js';
export type { UdpFlow } from './udp-connections.js';
