/** Status of a balancer, and results of its program. */
import type { Misses, Traffic } from './datapath/counters.js';
import type { ReasonName, Verdict } from './datapath/outcome.js';
import type { XdpMode } from './options.js';
import type { Service, ServiceSpec } from './service.js';

/** The result of the program's run on a packet. */
export interface Processed {
  readonly verdict: Verdict;
  /** The frame after the run, from the Ethernet header on. */
  readonly frame: Uint8Array;
}

/** The result that a packet would have, and the reason. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly reason: ReasonName;
  /** The service to which the packet belongs. */
  readonly service: Service | undefined;
  /** The address of the packet's real. */
  readonly real: string | undefined;
  /** The real's port, where it is not the service's. */
  readonly realPort?: number;
}

/** Where a flow's next packet goes. */
export interface Lookup extends Explanation {
  /** Where a SYN goes, if only a SYN can begin the flow: to a translated service, of a flow that is not known. */
  readonly onSyn?: Explanation;
}

/** A service with its present specification and its traffic. */
export interface ServiceStatus extends Traffic {
  /** Packets whose flow was unknown. */
  readonly misses?: Misses;
  readonly service: Service;
  readonly spec: ServiceSpec;
  /** Where all reals have weight 0: their weights in the last ring, which stays. Absent if there was none. */
  readonly keptWeights?: readonly number[];
}

/** A real with its traffic in all services. */
export interface RealStatus extends Traffic {
  /** Packets whose flow was unknown, and to which this real was given. */
  readonly misses?: Misses;
  readonly address: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
}

/** A device, and how the program is attached to it. */
export interface InterfaceStatus {
  readonly interface: string;
  /** Undefined if the device is gone, or the program was detached by somebody else. */
  readonly mode: XdpMode | undefined;
}

/** How full a table of the program is. */
export interface TableStatus {
  readonly name: TableName;
  /** Entries in use. */
  readonly used: number;
  /** Entries for which there is room. */
  readonly size: number;
  /** Whether `used` is an estimate, made from a sample of the table. */
  readonly estimated: boolean;
}

/** A table of the program whose fill is reported. */
export type TableName =
  | 'vips'
  | 'reals'
  | 'server-ids'
  | 'source-routes'
  | 'flows'
  | 'fallback-flows'
  | 'global-flows'
  | 'nat';

/** A server id with its real. */
export interface ServerId {
  /** 1 to 4294967295. */
  readonly id: number;
  readonly address: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
}

/** A prefix with the real for new flows from it. */
export interface SourceRoute {
  /** Always with its length, as `192.0.2.1/32`. */
  readonly prefix: string;
  readonly address: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
}
