/** Options of a balancer. */
import type { NatOptions } from './nat/nat-options.js';

/** Options of {@link Balancer.open}. */
export interface BalancerOptions {
  /** The device whose packets are balanced. Without one, packets come from {@link Balancer.process} only. */
  readonly interface?: string;
  /** Several devices, which share all tables. A packet leaves by the device through which it came in; see `routerInterface`. */
  readonly interfaces?: readonly (string | InterfaceOptions)[];
  /** The place in which XDP runs. Default: `native` if the driver can, else `generic`. */
  readonly mode?: XdpMode;
  /** Instead of devices: a slot in the program array of another XDP program, which calls the balancer. Needs `pin`. */
  readonly chain?: ChainPlace;
  /**
   * Whether packets that the balancer leaves to the host go first to the program in the array `next_program`; see
   * {@link Balancer.setNext}. Default false.
   */
  readonly callsNext?: boolean;
  /** MAC address of the next hop towards the reals. Default: it is learned and kept up to date; see `router`. */
  readonly routerMac?: string;
  /** IP address of the next hop, whose MAC address is learned from the neighbour table. Default: the default gateway. */
  readonly router?: string;
  /**
   * The device behind which the next hop is, if packets must not leave by the one through which they came in. For
   * packets in tunnels and translated ones to the router; `forwarding: 'direct'` and routes decide by themselves. XDP in
   * the driver can only send to drivers that take such packets (`ndo_xdp_xmit`).
   */
  readonly routerInterface?: string;
  /**
   * A name under which the balancer goes on forwarding when this process ends: 1 to 64 letters, digits, `_`,
   * `-`. The next process that opens the name resumes it, with its flows, counters, services and reals. One
   * process at a time.
   */
  readonly pin?: string;
  /** Folder of the pins, in a BPF file system. Default /sys/fs/bpf/weir. */
  readonly pinRoot?: string;
  /**
   * Whether known flows may be forgotten if options differ from those for which the flow tables were made.
   * Default false.
   */
  readonly forgetFlows?: boolean;
  /** UDP encapsulation. Default: IP in IP. */
  readonly gue?: GueOptions;
  /** Generic routing encapsulation (RFC 2784), without key and checksum, instead of IP in IP. Default false. */
  readonly gre?: boolean;
  /** Longest frame that is forwarded, with its Ethernet header: 1294 to 9014 bytes. Default 1514. */
  readonly maxFrame?: number;
  /**
   * The MTU that ICMP answers to longer frames name, at most 65535 bytes. Default 1500; with 0 there are no
   * answers.
   */
  readonly icmpMtu?: number;
  /** Whether server ids in TCP options count. Default false. */
  readonly tcpServerIds?: boolean;
  /** Whether outer headers of packets to a tunnel end of this host are removed first. Default false. */
  readonly inlineDecapsulation?: boolean;
  /** Allows services with `forwarding: 'nat'`. Default: only tunnels. */
  readonly nat?: NatOptions;
  /**
   * MAX_VIPS with which the Katran instances of an ECMP group were built, 1 to 65535: it decides the slots of flows.
   * Default 512.
   */
  readonly hashMaxVips?: number;
  /** Number of flows that all CPUs together remember, 43 bytes each: 1 to 2^31. Default 8 million. */
  readonly flows?: number;
  /**
   * Whether addresses of IPv6 flows are kept, so that {@link Balancer.flows} lists them: 64 bytes for each of `flows`, once
   * there is a tunnelled IPv6 service. Default true.
   */
  readonly flowAddresses?: boolean;
  /** Number of flows that CPUs without their own table remember, 1 to 2^24. Default 1024. */
  readonly fallbackFlows?: number;
  /** Numbers of the CPUs of this machine that forward, 0 to 4095. Default: all that are online. */
  readonly cpus?: readonly number[];
  /** Number of new flows that a CPU remembers in a second, 0 to 2^32 - 1. Default 125000. */
  readonly newFlowLimit?: number;
  /** Idle time after which a UDP flow ends, at the latest a thirty-second of it later; seconds. Default 30. */
  readonly udpIdleSeconds?: number;
  /** One more than the largest number of reals, 2 to 16384. Default 16384. */
  readonly maxReals?: number;
  /** The largest number of server ids, 1 to 2^24. Default 65536. */
  readonly maxServerIds?: number;
  /** The largest number of source routes, 1 to 2^24. Default 65536. */
  readonly maxSourceRoutes?: number;
  /**
   * The largest number of global flows, 1 to 2^24; a new one replaces the least recently used. Default 65536.
   */
  readonly maxGlobalFlows?: number;
  /**
   * Number of flows of other balancers that are remembered, 0 to 2^24: {@link Balancer.learnFlows} and {@link Balancer.newFlows}
   * share flows. A new one replaces the least recently used. Default 0: flows are not shared, and cost nothing.
   */
  readonly syncFlows?: number;
}

/** A device with its own next hop. */
export interface InterfaceOptions {
  readonly name: string;
  /** MAC address of its next hop. Default: {@link BalancerOptions.routerMac}. */
  readonly routerMac?: string;
  /** IP address of its next hop. Default: {@link BalancerOptions.router}. */
  readonly router?: string;
  /** The device behind which its next hop is. Default: {@link BalancerOptions.routerInterface}, else itself. */
  readonly routerInterface?: string;
}

/** How an XDP program is attached: in the driver, or in the network stack. */
export type XdpMode = 'native' | 'generic';

/** A slot in a chain of XDP programs. */
export interface ChainPlace {
  /** Path of the pinned program array. */
  readonly map: string;
  /** Slot in the array, from 0. */
  readonly index: number;
}

/** Generic UDP encapsulation, variant 1. */
export interface GueOptions {
  /** Source address in outer headers to reals with IPv4. */
  readonly source4?: string;
  /** Source address in outer headers to reals with IPv6. */
  readonly source6?: string;
  /** UDP destination port. Default 6080. */
  readonly port?: number;
}
