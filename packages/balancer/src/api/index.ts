/**
 * The remote API of a balancer: the commands of the control socket over HTTP and TLS, for clients with a token.
 *
 * @module @weir/balancer/api
 */

export { type ApiConfig, DEFAULT_API_LISTEN, DEFAULT_TOKENS } from '../config/api-schema.js';
export { type BalancerRole, balancerRoles } from '../control/command-roles.js';
export type { BalancerRoute, RouteInput } from './api-answer.js';
export { apiRoutes, BalancerApi, type BalancerApiOptions } from './balancer-api.js';
