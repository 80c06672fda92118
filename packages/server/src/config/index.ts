/**
 * Configuration files of `weir serve`.
 *
 * @module @weir/server/config
 */

export { isLoopback } from '@weir/http/auth';
export type { Destination, NetworkDestination, UnixDestination } from './destination.js';
export { parseServeConfig, readServeConfig, serveSchemaText } from './serve-config.js';
export { DEFAULT_LISTEN, type ServeConfig } from './serve-schema.js';
