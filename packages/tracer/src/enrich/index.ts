/**
 * Names of processes, containers, services and peers for records.
 *
 * @module @weir/tracer/enrich
 */

export { type CgroupEnrichment, parseCgroups } from './cgroup.js';
export {
  type ContainerIdentity,
  ContainerNames,
  type ContainerNamesOptions,
} from './containers/container-names.js';
export type { ContainerNameDetails } from './containers/names.js';
export {
  type EnrichedRecord,
  Enricher,
  type EnricherOptions,
  type NetworkDetails,
  type NetworkFinder,
  type ServingSocket,
  serviceOf,
} from './enricher.js';
export { type DetailsView, missingDetails } from './missing-details.js';
export { NewProcesses, type NewProcessReader } from './new-processes.js';
export { PeerNames, type PeerNamesOptions } from './peer-names.js';
export {
  type HiddenProcesses,
  hiddenProcesses,
  inInitialPidNamespace,
  type PidNamespaceView,
  pidNamespaceView,
} from './pid-namespace.js';
export { Processes, type ProcessesOptions, type ProcessMoment, type ProcessReader } from './processes.js';
export { COMMAND_LINE_BYTES, type ProcessDetails, type ProcessState } from './procfs.js';
export { Services, type Transport } from './services.js';
export { StartTicks } from './start-ticks.js';
