/** Options of a balancer, as its users give them. */
import type { NatOptions } from './nat/nat-options.js';

export interface BalancerOptions {
  /** The device whose packets are balanced. Without one, packets come from {@link Balancer.process} only. */
  readonly interface?: string;
  /** Several devices; they share all tables. A packet leaves through the device that it came from. */
  readonly interfaces?: readonly (string | InterfaceOptions)[];
  /** `native`: in the driver. `generic`: in the network stack. Default: native where the driver can. */
  readonly mode?: XdpMode;
  /** Instead of devices: a slot in the program array of another XDP program, which calls what is in it. Needs `pin`. */
  readonly chain?: ChainPlace;
  /**
   * Packets that the balancer leaves to the host go to the program in the array `next_program` first, if there is one; see
   * {@link Balancer.setNext}. Default false.
   */
  readonly callsNext?: boolean;
  /** MAC address of the next hop towards the reals. Default: learned and kept up to date; see `router`. */
  readonly routerMac?: string;
  /** Address of the next hop, whose MAC address is learned from the neighbour table. Default: the default gateway. */
  readonly router?: string;
  /**
   * Forwards on when this process ends, under this name: letters, digits, `_`, `-`. The next process that opens it goes on
   * where this one stopped: with its flows, counters, services and reals. One process at a time.
   */
  readonly pin?: string;
  /** Folder in a BPF file system. Default /sys/fs/bpf/weir. */
  readonly pinRoot?: string;
  /** Known flows may be forgotten, where options say otherwise than those that the flow tables were made for. */
  readonly forgetFlows?: boolean;
  /** Default: IP in IP. */
  readonly gue?: GueOptions;
  /** Longest frame that is forwarded, bytes. Default 1514. */
  readonly maxFrame?: number;
  /** The MTU that ICMP answers to longer ones name, bytes. Default 1500; with 0 nothing is answered. */
  readonly icmpMtu?: number;
  /** Server ids in TCP options are looked at. Default false. */
  readonly tcpServerIds?: boolean;
  /** What comes through a tunnel to a tunnel end of this host is unpacked first. Default false. */
  readonly inlineDecapsulation?: boolean;
  /** Services may have `forwarding: 'nat'`. Default: only tunnels. */
  readonly nat?: NatOptions;
  /** Flows that are remembered, of all CPUs. Default 8 million, which takes 43 bytes each. */
  readonly flows?: number;
  /** Flows that are remembered for CPUs without a table of their own. Default 1024. */
  readonly fallbackFlows?: number;
  /** CPUs that forward. Default: all that are online. */
  readonly cpus?: readonly number[];
  /** New flows a CPU remembers in a second. Default 125000. */
  readonly newFlowLimit?: number;
  /** A UDP flow that was idle for longer (and at the latest, by a thirty-second more) is a new one, seconds. Default 30. */
  readonly udpIdleSeconds?: number;
  /** One more than there can be reals at a time. Default and most: 16384. */
  readonly maxReals?: number;
  /** Server ids that there is room for. Default 65536. */
  readonly maxServerIds?: number;
  /** Default 65536. */
  readonly maxSourceRoutes?: number;
  /** Default 65536; beyond, the least recently used is forgotten. */
  readonly maxGlobalFlows?: number;
}

/** A device with a next hop of its own. */
export interface InterfaceOptions {
  readonly name: string;
  /** Default: {@link BalancerOptions.routerMac}. */
  readonly routerMac?: string;
  /** Default: {@link BalancerOptions.router}. */
  readonly router?: string;
}

/** How an XDP program is attached: in the driver, or in the network stack. */
export type XdpMode = 'native' | 'generic';

/** A slot in a chain of XDP programs. */
export interface ChainPlace {
  /** Path of the pinned program array. */
  readonly map: string;
  readonly index: number;
}

/** Generic UDP encapsulation, variant 1. */
export interface GueOptions {
  /** Outer source for reals with IPv4. */
  readonly source4?: string;
  /** Outer source for reals with IPv6. */
  readonly source6?: string;
  /** Default 6080. */
  readonly port?: number;
}
