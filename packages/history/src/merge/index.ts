/**
 * Parts of answers that add up over several histories, and how they do.
 *
 * @module @weir/history/merge
 */

export { withKeys, withoutEnds } from './conditions.js';
export { countedOnce, noIds, type SideIds, type UncountedEnds } from './counted-once.js';
export {
  type EdgeSums,
  type EdgesPart,
  type EdgesQuery,
  queryEdges,
  type ServersElsewhere,
} from './edges-question.js';
export {
  addGroups,
  addSums,
  byMeasure,
  compareKeys,
  type GroupSums,
  keyText,
  measuresOf,
  noSums,
  SUM_COUNT,
  type Sums,
} from './group-sums.js';
export {
  type HistoryCursor,
  type MergedPage,
  mergePages,
  readCursors,
  writeCursors,
} from './merge-pages.js';
export { type ConnectionsOrder, compareRows } from './order-value.js';
export { querySides, type Sides, type SidesQuery } from './sides-question.js';
export { querySums, type SumsOfGroups, type SumsOfGroupsQuery } from './sums-question.js';
