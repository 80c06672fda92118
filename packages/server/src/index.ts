/**
 * HTTP API, live stream, metrics and exporters over the tracer and the history.
 *
 * @module @weir/server
 */

export { type AuditEntry, AuditLog } from './auth/audit-log.js';
export { type Role, roles } from './auth/roles.js';
export type { StoredToken } from './auth/token.js';
export { addToken, checkTokenName, readTokens, removeToken, type TokenRequest } from './auth/token-file.js';
export type { Page } from './page/page-response.js';
export { type ServerPlaces, serverPlaces } from './serve/places.js';
export { WeirServer, type WeirServerOptions } from './serve/weir-server.js';
