export { cgroupMounts, findCgroupRoot } from './cgroup-root.js';
export { Holders, type HolderWalk, type NamespaceHolder, visitHolders } from './holders.js';
export { type DiagSocket, InetFamily, InetProtocol } from './inet-diag.js';
export { InterfaceNames, type InterfaceReader } from './interface-names.js';
export { findNamespaces, type NetNamespace, ownNamespace } from './namespaces.js';
export { type DescriptorReader, SocketOwners, type SocketOwnersOptions } from './owners.js';
export { SocketReader, type SocketReaderOptions, type SocketSnapshot } from './reader.js';
export { openedHere, payloadReceived, payloadSent, type TcpInfo } from './tcp-info.js';
export { liveStates, stateMask, stateName, TcpState, type TcpStateName } from './tcp-state.js';
export {
  describeTcpWalk,
  type IsUnchanged,
  TcpIterator,
  type TcpWalk,
  WALK_KEY_WORDS,
  walkKeyWord,
} from './tcp-walk.js';
export {
  type FindSocket,
  type UdpCollection,
  UdpCounter,
  type UdpCounterOptions,
  type UdpFlowEnd,
} from './udp-counter.js';
export type { UdpFigures, UdpFlow } from './udp-flow.js';
export { planUdp, type UdpFeatures, type UdpMechanism } from './udp-plan.js';
export { readUdpFeatures } from './udp-programs.js';
