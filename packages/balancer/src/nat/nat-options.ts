/** Options of the translation of addresses, and the settings that follow from them. */

import { OptionError } from '@weir/ebpf';
import { formatAddress } from '@weir/ebpf/address';
import { type KeyAddress, keyAddress, keyBytes } from '../address.js';
import { FlowKind } from '../generated/balancer.js';
import { DEFAULT_NAT_PORTS, MAX_NAT_SOURCES, natSeconds, ticksOf, within } from '../limits.js';

/** For services whose `forwarding` is `nat`. */
export interface NatOptions {
  /**
   * Addresses of the balancer itself, 1 to 1024, from which it sends to reals. They must lead to the device,
   * and nobody else may use these ports on them. Each TCP flow, and each UDP flow, takes a port of one
   * address.
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

/** All combinations of {@link FlowKind}, in the order of their slots. */
const flowKinds = Array.from({ length: (FlowKind.FLOW_UDP | FlowKind.FLOW_IPV6) + 1 }, (_, kind) => kind);
/** When ports are scarce, flows that are closed or unanswered lose theirs after this time. */
const yieldSeconds = 2;

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
  /** A text that identifies the layout: slots of another layout cannot be reused. */
  readonly name: string;
  /** The name of the same layout with slots anywhere. These slots can be reused, since each has an entry in nat_clients. */
  readonly scatteredName: string;
}

/** Whether the slots that an earlier process saved under a layout's name can be reused; `undefined` is no translation. */
export function hasSlotsOf(saved: string | undefined, nat: NatLayout | undefined): boolean {
  return saved === nat?.name || (saved !== undefined && saved === nat?.scatteredName);
}

/** Idle times in ticks, by the names of the program's constants. */
export type NatIdleTicks = Readonly<
  Record<`nat_${'udp' | 'opening' | 'open' | 'half' | 'closed' | 'yield'}_ticks`, number>
>;

/** The option `nat`, checked, with defaults in place. */
export interface NatSettings extends NatLayout {
  readonly idleTicks: NatIdleTicks;
  /** Whether the host's routes decide the next hops. */
  readonly usesRoutes: boolean;
}

/**
 * Checks the option `nat` and applies defaults.
 *
 * @param hasDevices Whether packets come from a device, or from the program of one.
 * @throws OptionError
 */
export function parseNatOptions(options: NatOptions, hasDevices: boolean): NatSettings {
  const { nextHop = hasDevices ? 'route' : 'router' } = options;
  const ticks = (name: keyof typeof natSeconds) => ticksOf(`nat.${name}`, options[name] ?? natSeconds[name]);
  return {
    ...natLayout(options),
    idleTicks: {
      nat_udp_ticks: ticks('udpIdleSeconds'),
      nat_opening_ticks: ticks('tcpOpeningSeconds'),
      nat_open_ticks: ticks('tcpIdleSeconds'),
      nat_half_ticks: ticks('tcpHalfClosedSeconds'),
      nat_closed_ticks: ticks('tcpClosedSeconds'),
      nat_yield_ticks: ticksOf('the time after which ports yield', yieldSeconds),
    },
    usesRoutes: nextHop === 'route',
  };
}

function natLayout({ sources, ports: [firstPort, lastPort] = DEFAULT_NAT_PORTS }: NatOptions): NatLayout {
  within('number of nat.sources', sources.length, 1, MAX_NAT_SOURCES);
  within('first of nat.ports', firstPort, 1, 65_535);
  within('last of nat.ports', lastPort, firstPort, 65_535);
  const keys = sources.map(keyAddress);
  if (new Set(keys.map(({ words, ipv6 }) => `${ipv6} ${words.join(' ')}`)).size < keys.length) {
    throw new OptionError('nat.sources: an address is listed twice');
  }
  const ports = lastPort - firstPort + 1;
  const own4 = keys.filter(({ ipv6 }) => !ipv6);
  const own6 = keys.filter(({ ipv6 }) => ipv6);
  const count = flowKinds.map((kind) => (kind & FlowKind.FLOW_IPV6 ? own6 : own4).length * ports);
  const first = count.map((_, kind) => count.slice(0, kind).reduce((sum, slots) => sum + slots, 0));
  const all = [...own4, ...own6];
  const names = all.map((source) => formatAddress(keyBytes(source)));
  const scatteredName = `${names.join(' ')} ${firstPort}+${ports}`;
  const name = `${scatteredName} by hash`;
  const slots = first.at(-1)! + count.at(-1)!;
  return { sources: all, firstPort, ports, first, count, slots, name, scatteredName };
}
