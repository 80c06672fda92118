/** What a balancer tells. */
import type { Traffic } from './datapath/counters.js';
import type { ReasonName, Verdict } from './datapath/outcome.js';
import type { XdpMode } from './options.js';
import type { Service, ServiceSpec } from './service.js';

/** What the program did with a packet. */
export interface Processed {
  readonly verdict: Verdict;
  /** The frame afterwards. */
  readonly frame: Uint8Array;
}

/** What the program would do with a packet. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly reason: ReasonName;
  /** The service that the packet is for. */
  readonly service: Service | undefined;
  /** The address of its real. */
  readonly real: string | undefined;
  /** The real's port, where it is not the service's. */
  readonly realPort?: number;
}

/** Traffic of a service, and what it consists of now. */
export interface ServiceStatus extends Traffic {
  readonly service: Service;
  readonly spec: ServiceSpec;
}

export interface RealStatus extends Traffic {
  readonly address: string;
  /** Where it is not the service's. */
  readonly port?: number;
}

/** What the programs are attached to. */
export interface InterfaceStatus {
  readonly interface: string;
  /** Undefined if the device is gone, or somebody took the program off. */
  readonly mode: XdpMode | undefined;
}

/** Which real an id means. */
export interface ServerId {
  readonly id: number;
  readonly address: string;
  /** Of a real that has one of its own. */
  readonly port?: number;
}

/** Where new flows from a prefix go. */
export interface SourceRoute {
  readonly prefix: string;
  readonly address: string;
  /** Of a real that has one of its own. */
  readonly port?: number;
}
