/**
 * Routes that are described once: what requests say is checked by zod, problems are answered as RFC 9457 has it, and the OpenAPI document
 * is made of the same.
 *
 * @module @weir/http/api
 */

export type { ApiRoute } from './api-route.js';
export { API_BASE, type ApiInfo, openApiDocument, pathOf } from './openapi.js';
export {
  PROBLEM_TYPE,
  ProblemError,
  type ProblemExtras,
  type ProblemKind,
  problemBody,
  problemKinds,
  problemResponse,
} from './problem.js';
export { type BodySource, MAX_BODY_BYTES, readBody, readPath, readQuery, readText } from './request-input.js';
