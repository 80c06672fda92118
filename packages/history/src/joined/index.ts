/**
 * Both ends of connections: which belong together, and what they say differently.
 *
 * @module @weir/history/joined
 */

export {
  type AtEnds,
  type Carried,
  compareEnds,
  type EndsCompared,
  type Translation,
} from './compare-ends.js';
export {
  areMirrored,
  begunOf,
  type ConnectionEnd,
  isClientEnd,
  type JoinedConnection,
  joinEnds,
} from './join-ends.js';
