/** What a balancer is opened with. */
import { type CollectionSpec, OptionError, setGlobal } from '@weir/ebpf';
import { onlineCpus } from '@weir/ebpf/sys';
import { keyAddress, macBytes, wirePort } from './address.js';
import { idSlotCount } from './datapath/id-slots.js';
import { Limit } from './generated/balancer.js';
import { ticksOf, within } from './limits.js';
import { type NatOptions, setNatConstants } from './nat/nat-options.js';

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

export const DEFAULT_GUE_PORT = 6080;
const DEFAULT_FLOWS = 8_000_000;
/** Places for each flow: so that few of them fall into a bucket that is full. */
const PLACES_PER_FLOW = 2;
/** A flow's last use is noted with this fraction of the time after which it would be idle. */
const TOUCHES_WHILE_IDLE = 32;
/** Buckets of one CPU's flow table. */
export function bucketsPerCpu(options: BalancerOptions): number {
  const flows = within('flows', options.flows ?? DEFAULT_FLOWS, 1, 2 ** 31);
  return Math.ceil((flows * PLACES_PER_FLOW) / Limit.FLOW_WAYS / forwardingCpus(options).length);
}

/** Slots of the table of server ids. */
export function serverIdSlots({ maxServerIds = 65_536 }: BalancerOptions): number {
  return idSlotCount(within('maxServerIds', maxServerIds, 1, 2 ** 24));
}

/** The devices, each with its next hop as far as that is given. @throws OptionError for options that exclude each other. */
export function devicesOf(options: BalancerOptions): readonly InterfaceOptions[] {
  const { interface: single, interfaces = [], chain, pin, routerMac, router } = options;
  const named = [...(single === undefined ? [] : [single]), ...interfaces];
  if (chain !== undefined && named.length > 0)
    throw new OptionError('chain and interfaces exclude each other');
  if (chain !== undefined && pin === undefined) {
    throw new OptionError('chain needs pin: what is in the slot stays when this process ends');
  }
  const devices = named.map((device) => {
    const given = typeof device === 'string' ? { name: device } : device;
    const mac = given.routerMac ?? (given.router === undefined ? routerMac : undefined);
    const address = given.router ?? router;
    return {
      name: given.name,
      ...(mac === undefined ? {} : { routerMac: mac }),
      ...(address === undefined ? {} : { router: address }),
    };
  });
  for (const { routerMac: mac } of [options, ...devices]) if (mac !== undefined) macBytes(mac);
  const names = devices.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new OptionError('a device is there twice');
  return devices;
}

export function forwardingCpus({ cpus }: BalancerOptions): readonly number[] {
  return cpus ?? onlineCpus();
}

/** An address of the family that its place asks for. @throws OptionError, EbpfError */
export function addressWords(address: string, ipv6: boolean): Uint32Array {
  const key = keyAddress(address);
  if (key.ipv6 !== ipv6) throw new OptionError(`${address}: expected an IPv${ipv6 ? 6 : 4} address`);
  return key.words;
}

/** What is neither an option nor the object's. */
export interface LoadConstants {
  readonly buckets: number;
  readonly secrets: Uint8Array;
  readonly uncountedCpu: number;
}

/** Sets the program's constants. @throws OptionError, EbpfError for options that make no sense. */
export function setConstants(
  spec: CollectionSpec,
  options: BalancerOptions,
  { buckets, secrets, uncountedCpu }: LoadConstants,
): void {
  const { gue, icmpMtu = 1500, maxFrame = 1514 } = options;
  setGlobal(spec, 'use_gue', gue !== undefined);
  setGlobal(spec, 'gue_port', wirePort(gue?.port ?? DEFAULT_GUE_PORT));
  if (gue?.source4 !== undefined) setGlobal(spec, 'gue_source4', addressWords(gue.source4, false)[0]!);
  if (gue?.source6 !== undefined) setGlobal(spec, 'gue_source6', addressWords(gue.source6, true));
  setGlobal(spec, 'max_frame', within('maxFrame', maxFrame, 1294, 9014));
  setGlobal(spec, 'icmp_mtu', within('icmpMtu', icmpMtu, 0, 65535));
  setGlobal(spec, 'send_too_big', icmpMtu !== 0);
  setGlobal(spec, 'tcp_server_ids', options.tcpServerIds ?? false);
  setGlobal(spec, 'inline_decapsulation', options.inlineDecapsulation ?? false);
  setGlobal(spec, 'new_flow_limit', within('newFlowLimit', options.newFlowLimit ?? 125_000, 0, 2 ** 32 - 1));
  const idle = ticksOf('udpIdleSeconds', options.udpIdleSeconds ?? 30);
  setGlobal(spec, 'udp_idle_ticks', idle);
  setGlobal(spec, 'touch_ticks', Math.floor(idle / TOUCHES_WHILE_IDLE));
  setGlobal(spec, 'flow_buckets', buckets);
  setGlobal(spec, 'id_mask', serverIdSlots(options) - 1);
  setGlobal(spec, 'flow_secrets', secrets);
  setGlobal(spec, 'uncounted_cpu', uncountedCpu);
  const hasDevices = options.chain !== undefined || devicesOf(options).length > 0;
  if (options.nat !== undefined) setNatConstants(spec, options.nat, hasDevices);
}
