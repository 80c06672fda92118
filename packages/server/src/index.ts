/**
 * HTTP API, live stream, metrics and exporters over the tracer and the history.
 *
 * @module @weir/server
 */

export {
  type AuditEntry,
  AuditLog,
  checkTokenName,
  type StoredToken,
  type TokenRequest,
} from '@weir/http/auth';
export { type Role, roles } from './auth/roles.js';
export { addToken, readTokens, removeToken } from './auth/server-tokens.js';
export type { Page } from './page/page-response.js';
export { type ServerPlaces, serverPlaces } from './serve/places.js';
export { WeirServer, type WeirServerOptions } from './serve/weir-server.js';
