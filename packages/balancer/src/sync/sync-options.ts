/** What the sharing of flows needs, and how it is set up. */
import type { Flow } from '../datapath/frame.js';
import type { FlowBatch, FlowFilter, FlowsRemoved } from '../flows/known-flow.js';
import type { LearnedFlows } from './peer-flows.js';
import type { SharedFlow } from './sync-message.js';

/** An address and port of a balancer. */
export interface SyncAddress {
  readonly host: string;
  readonly port: number;
}

/** A group of balancers, and how this host reaches it. */
export interface SyncGroup {
  readonly group: string;
  /** This host's address on the group's network; for IPv6, the name of its device there, or `::%DEVICE`. */
  readonly interface: string;
}

/** What the sharing of flows needs of a balancer. */
export interface SyncedBalancer {
  /** New flows that were lost before they were read. */
  newFlowsLost(): number;
  newFlows(): SharedFlow[];
  learnFlows(flows: readonly SharedFlow[], keepMs: number): LearnedFlows;
  flows(filter: FlowFilter): AsyncGenerator<FlowBatch, void, undefined>;
  removeFlow(flow: Flow): Promise<number>;
  removeFlows(filter: FlowFilter): AsyncGenerator<FlowsRemoved, void, undefined>;
}

/** Options of the sharing of flows. Times are milliseconds. */
export interface SyncOptions {
  /** With `multicast`, only its port counts: datagrams come to the group's address. */
  readonly listen: SyncAddress;
  /** The other balancers; with `multicast`, its group alone. */
  readonly peers: readonly SyncAddress[];
  /** The group that is joined. */
  readonly multicast?: SyncGroup;
  /** The first one signs. */
  readonly keys: readonly Uint8Array[];
  /** Time from one sending of all used flows to the next. */
  readonly refresh: number;
  /** Flows that are sent in a second. */
  readonly rate: number;
  /** Longest IP packet, bytes. */
  readonly mtu: number;
  log(line: string): void;
}
