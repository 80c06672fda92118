/**
 * Servers of HTTP and HTTPS that bound what clients can hold on to.
 *
 * @module @weir/http/server
 */

export {
  ApiServer,
  type ApiServerOptions,
  type ConnectionLimits,
  IDLE_TIMEOUT_MS,
  type ListenPlace,
} from './api-server.js';
export type { ConnectionRates } from './connection-rate.js';
export { loginProblem, type RequestLogs } from './login-problem.js';
export { readTlsFiles, type TlsFiles, type TlsPaths } from './tls-files.js';
