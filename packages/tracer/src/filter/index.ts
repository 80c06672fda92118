/**
 * The language of filters: which connections, records or rows are wanted. Needs no kernel.
 *
 * @module @weir/tracer/filter
 */

export { type Completion, type CompletionCandidate, completeFilter } from './complete.js';
export type { FilterColumn } from './filter-columns.js';
export { FilterError, type FilterProblem } from './filter-error.js';
export {
  type FilterField,
  type FilterFieldType,
  type FilterUnit,
  fieldNamed,
  filterFields,
  isAvailable,
  type WordMeaning,
} from './filter-fields.js';
export { formatFilter } from './format.js';
export {
  MAX_FILTER_LENGTH,
  type ParseOptions,
  parseFilter,
  parseTypedFilter,
  type TypedFilter,
} from './parse.js';
export {
  type ColumnReader,
  type ColumnReaders,
  type Predicate,
  type PredicateOptions,
  predicateOver,
} from './predicate.js';
export { type FilterableRecord, filterPredicate, recordColumns } from './record-columns.js';
export type { ServicePort } from './service-ports.js';
export {
  type Comparison,
  everything,
  type Filter,
  type FilterTest,
  type FilterValue,
  type FilterWord,
  type PatternPart,
} from './tree.js';
