export { type CgroupFacts, parseCgroups } from './cgroup.js';
export { PeerNames, type PeerNamesOptions } from './peer-names.js';
export { Processes, type ProcessesOptions, type ProcessReader } from './processes.js';
export { COMMAND_LINE_BYTES, type ProcessDetails } from './procfs.js';
export { Services, type Transport } from './services.js';
