/**
 * Events and live connections of this host: who talks to whom.
 *
 * @module @weir/tracer
 */

export type { TracerApi, TracerListener } from './api.js';
export { columnNames } from './columns/column-table.js';
export type { CloseColumns, ColumnName, ColumnTypes } from './columns/column-types.js';
export { type ColumnWord, columnWords } from './columns/column-words.js';
export type { ColumnsOptions, EventColumns, RecordBetween } from './columns/event-columns.js';
export {
  type BegunConnection,
  type Connection,
  type ConnectionsOptions,
  copyConnection,
  type EndedConnection,
  type LiveConnections,
  type LiveLosses,
  type OpenSocket,
  type PlainConnection,
  plainConnection,
  plainProcess,
  type Totals,
} from './connections/index.js';
export type { AcceptHook } from './hooks/accept-hooks.js';
export type { DescribedDescriptors } from './hooks/held-programs.js';
export { type InspectOptions, inspectHost } from './inspect.js';
export type { JsonLines } from './json/json-reader.js';
export type {
  PortRange,
  TraceFilter,
  TracerOptions,
  TracerStats,
  UdpOptions,
} from './options.js';
export { assertPrivileges, type DropOptions, dropPrivileges } from './privileges.js';
export {
  type CloseField,
  type CloseFields,
  type CloseFieldText,
  type CloseName,
  type CloseNumber,
  closeFields,
  type WritableCloseFields,
} from './records/close-fields.js';
export type * from './records/record.js';
export type {
  ContainerSourceReport,
  FeatureReport,
  FieldOffset,
  HookCandidate,
  HookChoice,
  HostReport,
  Problem,
} from './report.js';
export type { TcpStateName } from './sockets/index.js';
export type { TracerPosition } from './stream/handover.js';
export type { RingPosition } from './stream/held-ring.js';
export { TracerStoppedError } from './stream/stopped-error.js';
export { Tracer } from './tracer.js';
export type { TypeChoice, TypeSource } from './types/target.js';
