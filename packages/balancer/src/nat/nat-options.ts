/** Options of the translation of addresses, and the constants that follow from them. */
import { type CollectionSpec, OptionError, setGlobal } from '@weir/ebpf';
import { addressText, type KeyAddress, keyAddress } from '../address.js';
import { FlowKind } from '../generated/balancer.js';
import { ticksOf, within } from '../limits.js';

/** For services whose `forwarding` is `nat`. */
export interface NatOptions {
  /**
   * Addresses of the balancer itself, from which it sends to reals. They must lead to the device, and nobody else may use
   * these ports on them. Each TCP flow, and each UDP flow, takes a port of one address.
   */
  readonly sources: readonly string[];
  /** First and last port on each source. Default 10000 to 32767, below those that Linux gives to the host's own flows. */
  readonly ports?: readonly [number, number];
  /**
   * `route`: the host's routes and neighbours lead to the reals, which needs forwarding on the device
   * (net.ipv4.conf.DEVICE.forwarding, net.ipv6.…). `router`: all are behind the router. Default: `route` with a device.
   */
  readonly nextHop?: 'route' | 'router';
  /** Idle time after which a TCP flow ends, seconds. Default 900. */
  readonly tcpIdleSeconds?: number;
  /** Idle time of a TCP flow that the real has not answered, seconds. Default 30. */
  readonly tcpOpeningSeconds?: number;
  /** Idle time of a TCP flow after one side's FIN, seconds. Default 120. */
  readonly tcpHalfClosedSeconds?: number;
  /** Idle time after both sides' FIN, or a reset, seconds. Default 60, as long as Linux keeps TIME_WAIT. */
  readonly tcpClosedSeconds?: number;
  /** Idle time after which a UDP flow ends, seconds. Default 30. */
  readonly udpIdleSeconds?: number;
}

const DEFAULT_PORTS = [10_000, 32_767] as const;
const MAX_SOURCES = 1024;
/** All combinations of {@link FlowKind}, in the order of their slots. */
const FLOW_KINDS = Array.from({ length: (FlowKind.FLOW_UDP | FlowKind.FLOW_IPV6) + 1 }, (_, kind) => kind);
/** When ports are scarce, flows that are closed or unanswered lose theirs after this time. */
const YIELD_SECONDS = 2;
/** A flow's last use is noted with this fraction of the shortest idle time, at least every second. */
const TOUCHES = 16;

/** The order of slots in the program's table: TCP and UDP over IPv4, then over IPv6; by source, then by port. */
export interface NatLayout {
  /** IPv4 first. */
  readonly sources: readonly KeyAddress[];
  readonly firstPort: number;
  readonly ports: number;
  /** First slot of each kind of flow: TCP over IPv4, UDP over IPv4, TCP over IPv6, UDP over IPv6. */
  readonly first: readonly number[];
  /** Slots of each kind. */
  readonly count: readonly number[];
  /** Slots of all kinds. */
  readonly slots: number;
}

/** @throws OptionError, EbpfError for options that make no sense. */
export function natLayout({ sources, ports: [firstPort, lastPort] = DEFAULT_PORTS }: NatOptions): NatLayout {
  within('number of nat.sources', sources.length, 1, MAX_SOURCES);
  within('first of nat.ports', firstPort, 1, 65_535);
  within('last of nat.ports', lastPort, firstPort, 65_535);
  const keys = sources.map(keyAddress);
  if (new Set(keys.map(({ words, ipv6 }) => `${ipv6} ${words.join(' ')}`)).size < keys.length) {
    throw new OptionError('nat.sources: an address is there twice');
  }
  const ports = lastPort - firstPort + 1;
  const own4 = keys.filter(({ ipv6 }) => !ipv6);
  const own6 = keys.filter(({ ipv6 }) => ipv6);
  const count = FLOW_KINDS.map((kind) => (kind & FlowKind.FLOW_IPV6 ? own6 : own4).length * ports);
  const first = count.map((_, kind) => count.slice(0, kind).reduce((sum, slots) => sum + slots, 0));
  return { sources: [...own4, ...own6], firstPort, ports, first, count, slots: first[3]! + count[3]! };
}

/** A text that identifies the layout: slots of another layout cannot be reused. */
export function natLayoutName(options: NatOptions | undefined): string | undefined {
  if (options === undefined) return undefined;
  const { sources, firstPort, ports } = natLayout(options);
  const names = sources.map(({ words, ipv6 }) => addressText(keyBytes(words, ipv6)));
  return `${names.join(' ')} ${firstPort}+${ports}`;
}

function keyBytes(words: Uint32Array, ipv6: boolean): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, ipv6 ? 16 : 4);
}

/** Idle times in ticks, by the names of the program's constants. @throws OptionError */
export function natLimits(options: NatOptions): Record<string, number> {
  return {
    nat_udp_ticks: ticksOf('nat.udpIdleSeconds', options.udpIdleSeconds ?? 30),
    nat_opening_ticks: ticksOf('nat.tcpOpeningSeconds', options.tcpOpeningSeconds ?? 30),
    nat_open_ticks: ticksOf('nat.tcpIdleSeconds', options.tcpIdleSeconds ?? 900),
    nat_half_ticks: ticksOf('nat.tcpHalfClosedSeconds', options.tcpHalfClosedSeconds ?? 120),
    nat_closed_ticks: ticksOf('nat.tcpClosedSeconds', options.tcpClosedSeconds ?? 60),
    nat_yield_ticks: ticksOf('the time after which ports yield', YIELD_SECONDS),
  };
}

/** Whether the host's routes decide the next hops. */
export function asksForRoutes({ nextHop }: NatOptions, hasDevices: boolean): boolean {
  return (nextHop ?? (hasDevices ? 'route' : 'router')) === 'route';
}

/** Sets the program's constants. @throws OptionError */
export function setNatConstants(spec: CollectionSpec, options: NatOptions, hasDevices: boolean): void {
  const { firstPort, ports, first, count } = natLayout(options);
  const limits = natLimits(options);
  for (const [name, ticks] of Object.entries(limits)) setGlobal(spec, name, ticks);
  const shortest = Math.min(...Object.values(limits), ticksOf('a second', TOUCHES));
  setGlobal(spec, 'nat_touch_ticks', Math.floor(shortest / TOUCHES));
  setGlobal(spec, 'use_nat', true);
  setGlobal(spec, 'nat_first_port', firstPort);
  setGlobal(spec, 'nat_ports', ports);
  setGlobal(spec, 'nat_first_slot', Uint32Array.from(first));
  setGlobal(spec, 'nat_slot_count', Uint32Array.from(count));
  setGlobal(spec, 'use_routes', asksForRoutes(options, hasDevices));
}
