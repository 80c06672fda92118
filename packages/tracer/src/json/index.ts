/**
 * Records as JSON lines, as `weir trace --json` prints them.
 *
 * @module @weir/tracer/json
 */

export { eventNames, fieldOrder, jsonLine } from './record-json.js';
