/**
 * Who may ask a server: tokens and their file, failed logins, the names that it is called by, and what was refused.
 *
 * @module @weir/http/auth
 */

export { type AuditEntry, AuditLog, type AuditSink } from './audit-log.js';
export { bearerToken } from './bearer.js';
export { withoutMapping } from './client-address.js';
export { FailedLogins } from './failed-logins.js';
export { type AllowedHosts, hostOf, isAllowedOrigin, isOwnHost, type RequestOrigin } from './host-check.js';
export { isLoopback } from './loopback.js';
export { type Refusal, Refusals } from './refusals.js';
export { securityHeaders } from './security-headers.js';
export { findToken, hasExpired, isToken, newToken, type StoredToken, tokenDigest } from './token.js';
export {
  addTokenTo,
  checkTokenName,
  readTokenFile,
  removeTokenFrom,
  type TokenRequest,
} from './token-file.js';
export { lockTokens } from './token-lock.js';
export { type TokenFailure, TokenLogins } from './token-logins.js';
export { ownTokenFile, type TokenFiles, TokenSource } from './token-source.js';
