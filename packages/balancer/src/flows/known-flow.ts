/** Flows that a balancer knows, and what can be asked about them. */
import type { Protocol, Service } from '../service.js';

/** Which known flows are meant. Conditions add up. */
export interface FlowFilter {
  /** Flows of this service. */
  readonly service?: Service;
  /** Flows of the real with this address. */
  readonly real?: string;
  /** With `real`: its port, where it is not the service's. Default: any. */
  readonly realPort?: number;
  /** Flows from this address, or from this prefix. */
  readonly source?: string;
  readonly protocol?: Protocol;
  /** Flows that were not used for at least this time, milliseconds. */
  readonly olderMs?: number;
  /** Flows that were used within this time, milliseconds. */
  readonly youngerMs?: number;
}

/**
 * `known`: the next packet goes to the real. `idle`: a UDP flow that was idle for too long. `stale`: the real has left the
 * service. The next packet of the last two counts as one of a new flow.
 */
export type FlowState = 'known' | 'idle' | 'stale';

/** A flow that a balancer knows. */
export interface KnownFlow {
  /** Absent for IPv6 flows that began before the balancer kept addresses. */
  readonly source?: string;
  /** 0 where the service does not count it. */
  readonly sourcePort: number;
  readonly destination?: string;
  /** 0 where the service does not count it. */
  readonly destinationPort: number;
  readonly protocol: Protocol;
  readonly service?: Service;
  /** The address of the flow's real; absent once that is no real of any service. */
  readonly real?: string;
  /** The real's port, where it is not the service's. */
  readonly realPort?: number;
  /** Whether a source route or a server id chose the real. */
  readonly byRule: boolean;
  readonly state: FlowState;
  /** Time since the last use, milliseconds. It is noted now and then: the time may be a second too long. */
  readonly idleMs: number;
  /** The CPU whose table has the flow. A flow is in several if its packets come to several CPUs. */
  readonly cpu?: number;
  /** Whether the flow is in the table that CPUs without their own share. */
  readonly fallback?: boolean;
  /** The address and port from which the real gets the packets of a translated flow. */
  readonly translated?: { readonly address: string; readonly port: number };
}

/** How far a walk through the tables is. */
export interface FlowProgress {
  /** Places that were looked at: each has room for a flow. */
  readonly walked: number;
  /** All places. */
  readonly places: number;
}

/** Flows of a part of the tables. */
export interface FlowBatch extends FlowProgress {
  readonly flows: readonly KnownFlow[];
}

/** What a removal of flows has done. */
export interface FlowsRemoved extends FlowProgress {
  /** Entries that were removed. */
  readonly removed: number;
}
