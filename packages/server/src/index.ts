/**
 * HTTP API, live stream, metrics and exporters over the tracer and the history.
 *
 * @module @weir/server
 */

export type { BatchStore } from './ingest/index.js';
