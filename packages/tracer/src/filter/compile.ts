/**
 * What compilers of filters have in common, whether they make functions or SQL: what a word is looked for in, and how texts are
 * compared. For sister packages.
 *
 * @module @weir/tracer/filter/compile
 */

export { anywhereEnds, anywhereParts, anywhereWholes, endText, LINK_LOCAL } from './anywhere.js';
export { isAddressColumn } from './filter-columns.js';
export { portsOf, type ServicePorts } from './service-ports.js';
export { comparable } from './text-match.js';
