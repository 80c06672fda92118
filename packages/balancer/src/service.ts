/** Virtual services, to which clients connect. */
import { canonicalAddress } from '@weir/ebpf/address';
import { type KeyPrefix, keyPrefix, wirePort } from './address.js';
import { encode } from './datapath/encode.js';
import type { RingVersion } from './datapath/rings/ring.js';
import { sizeofVipPrefix, VipFlag, writeVipPrefix } from './generated/balancer.js';

/** A transport protocol. */
export type Protocol = 'tcp' | 'udp';

export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

/** A virtual service, to which clients connect. */
export interface Service {
  /** An address, or a prefix such as `192.0.2.0/24`. */
  readonly address: string;
  /** 0 to 65535; 0 for all ports that no other service has. */
  readonly port: number;
  readonly protocol: Protocol;
}

const flagBits = {
  /** The source port counts as 0 in hash, flow table and outer source. */
  noSourcePort: VipFlag.VIP_NO_SOURCE_PORT,
  /** Flows are not remembered: the ring decides for each packet. */
  noFlowTable: VipFlag.VIP_NO_FLOW_TABLE,
  /** Server ids in QUIC connection ids count. */
  quic: VipFlag.VIP_QUIC,
  /** Only the destination port is hashed. */
  hashDestinationPort: VipFlag.VIP_HASH_DESTINATION_PORT,
  /** Source routes apply. */
  sourceRouting: VipFlag.VIP_SOURCE_ROUTING,
  /** Packets whose real is local, too, are delivered to this host unchanged. */
  local: VipFlag.VIP_LOCAL,
  /** The global table is searched for flows that a CPU's table does not know. */
  globalFlows: VipFlag.VIP_GLOBAL_FLOWS,
  /** For services of all ports: the destination port is hashed, and distinguishes flows. */
  hashBothPorts: VipFlag.VIP_HASH_BOTH_PORTS,
  /** Server ids in stable UDP headers count. */
  stableUdp: VipFlag.VIP_STABLE_UDP,
  /** UDP flows leave reals that are down. */
  udpMigration: VipFlag.VIP_UDP_MIGRATION,
} as const;

/** Name of a flag that changes how a service chooses reals. */
export type ServiceFlag = keyof typeof flagBits;
export const serviceFlags = Object.keys(flagBits) as readonly ServiceFlag[];

/** A server behind a service. */
export interface ServiceReal {
  readonly address: string;
  /** With `forwarding: 'nat'`: the port on which the server listens. Default: the service's. */
  readonly port?: number;
  /**
   * A whole number from 0 to 2^31. With 0 the real is drained: it keeps its flows and gets no new ones, unless all reals
   * have weight 0: then the service's last ring stays. Default 1.
   */
  readonly weight?: number;
  /** Whether the real is this host, which gets packets of services with the flag `local` unchanged. Default false. */
  readonly local?: boolean;
  /** With the flag `udpMigration`: UDP flows leave this real. Default false. */
  readonly down?: boolean;
}

export const forwardings = ['tunnel', 'direct', 'nat'] as const;
/** How packets get to reals. */
export type Forwarding = (typeof forwardings)[number];

/** The specification of a service. */
export interface ServiceSpec {
  readonly reals: readonly ServiceReal[];
  /**
   * `tunnel`: reals answer clients directly. `nat`: both directions go through the balancer, which translates addresses
   * and ports; needs the balancer's option `nat`. `direct`: reals are on a network of this host, get packets as they are
   * under their own MAC address, and answer clients directly. Default `tunnel`.
   */
  readonly forwarding?: Forwarding;
  readonly flags?: readonly ServiceFlag[];
  /** The way in which weights count. Default 2. */
  readonly ringVersion?: RingVersion;
}

/** The slots of translated flows replace the flow table. */
const natBits = VipFlag.VIP_NAT | VipFlag.VIP_NO_FLOW_TABLE;
const forwardingBits: Readonly<Record<Forwarding, number>> = {
  tunnel: 0,
  direct: VipFlag.VIP_DIRECT,
  nat: natBits,
};

export function flagsOf(spec: ServiceSpec): number {
  const { forwarding = 'tunnel', flags = [] } = spec;
  return flags.reduce((bits, flag) => bits | flagBits[flag], forwardingBits[forwarding]);
}

/** A text that is the same for every way to write the service. */
export function serviceName({ address, port, protocol }: Service): string {
  const { words, ipv6, bits } = keyPrefix(address);
  wirePort(port);
  return `${protocol} ${ipv6 ? 6 : 4} ${[...words].map((word) => word.toString(16)).join(':')}/${bits} ${port}`;
}

/** The name of a service that has no other: `198.51.100.1:443/tcp`, `[2001:db8::1]:443/tcp`. */
export function vipName({ address, port, protocol }: Service): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`;
}

/** A text that is the same for every way to write a real's address. Another port means another real. */
export function realKey({ address, port = 0 }: Pick<ServiceReal, 'address' | 'port'>): string {
  return `${canonicalAddress(address)} ${port}`;
}

/** Port, protocol and family in one word, as in the program's table. */
export function serviceWord({ port, protocol }: Service, { ipv6 }: KeyPrefix): number {
  return wirePort(port) + protocolNumbers[protocol] * 2 ** 16 + Number(ipv6) * 2 ** 24;
}

/** The service's key in `vip_prefixes`. */
export function servicePrefixKey({ port, protocol }: Service, { words, ipv6, bits }: KeyPrefix): Uint8Array {
  return encode(sizeofVipPrefix, writeVipPrefix, {
    prefixBits: 32 + bits,
    port: wirePort(port),
    protocol: protocolNumbers[protocol],
    ipv6: Number(ipv6),
    address: words,
  });
}
