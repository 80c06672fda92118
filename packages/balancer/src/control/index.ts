/**
 * The daemon that runs a balancer, and its control socket.
 *
 * @module @weir/balancer/control
 */

export { claimFolder } from '../lifecycle/own-folder.js';
export {
  type PinnedAttachment,
  pinnedAttachments,
  pinnedFolder,
} from '../lifecycle/pinned-status.js';
export type { SourceStatus } from '../sources/source-follower.js';
export { type BalancerClient, ControlClient, NotRunningError } from './client.js';
export { type BalancerRole, balancerRoles } from './command-roles.js';
export { commandsOf } from './commands.js';
export { type Controlled, Controller, type Drain, type WantedService } from './controller.js';
export { type Applied, Daemon, type DaemonOptions } from './daemon.js';
export { type BalancerEvent, EventFeed } from './event-feed.js';
export type {
  FlowLine,
  FlowLines,
  FlowsBody,
  FlowsEnd,
  NamedAnalysis,
  NamedFilter,
  NamedFlow,
  NamedRealFlows,
  NamedServiceFlows,
  PurgeBody,
} from './flow-requests.js';
export { handlersFor } from './handlers.js';
export { RequestError } from './names.js';
export {
  controlRoles,
  defaultSocket,
  rolePath,
  socketNames,
  statePath,
  usableSocket,
} from './paths.js';
export type { CaptureEnd, PcapStream, StreamOptions } from './pcap-stream.js';
export type { CallName, Calls, CaptureBody, LineCallName, LineCalls, NamedExplanation } from './protocol.js';
export { RemoteClient, type RemotePlace } from './remote-client.js';
export { ControlSockets } from './roles.js';
export { ControlServer, type Handlers } from './server.js';
export { type Simulated, Simulator } from './simulate.js';
export type { Status, TrafficStatus, VipRealStatus, VipStatus } from './status-report.js';
