/**
 * Batches of rows from a collector to a server, over a Unix socket: acknowledged when stored, and stored once.
 *
 * @module @weir/server/ingest
 */

export type { BatchContent, BatchSender, Epoch, LastBatch } from '../spool/batch-sender.js';
export type { SpoolOptions } from '../spool/spool.js';
export type {
  FoundFlow,
  LookupAnswer,
  LookupRequest,
  SeenBalancer,
  SeenBalancers,
  SeenPackets,
  SeenReal,
  SeenVip,
} from '../wire/balancer-messages.js';
export type { BatchSummary } from '../wire/decode-batch.js';
export { BatchEncoder, type RowCounts, type RowTable } from '../wire/encode-batch.js';
export type { CollectorView } from '../wire/messages.js';
export { PROTOCOLS, type Versions } from '../wire/versions.js';
export {
  type BacklogStatistics,
  type ConnectionState,
  IngestClient,
  type IngestClientOptions,
} from './ingest-client.js';
export { type ConnectedCollector, IngestServer, type IngestServerOptions } from './ingest-server.js';
export { LookupError, type LookupFailure } from './pending-lookups.js';
export type { BatchStore } from './store.js';
