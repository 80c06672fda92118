/**
 * Requests over HTTP and HTTPS whose answers are bounded in time and size.
 *
 * @module @weir/http/client
 */

export { type GetOptions, HttpStatusError, httpGet } from './http-get.js';
export { readJson, readLines } from './read-answer.js';
