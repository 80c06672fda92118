/** Settings of a balancer: its options, checked once, with defaults in place. */
import { OptionError } from '@weir/ebpf';
import { onlineCpus, possibleCpus } from '@weir/ebpf/sys';
import { keyAddress, macBytes, wirePort } from './address.js';
import { idSlotCount } from './datapath/id-slots.js';
import { Limit } from './generated/balancer.js';
import { defaultPinRoot } from './lifecycle/pin-folder.js';
import { DEFAULT_GUE_PORT, DEFAULT_UDP_IDLE_SECONDS, inRange, MAX_CPU, ticksOf, within } from './limits.js';
import { type NatSettings, parseNatOptions } from './nat/nat-options.js';
import type { BalancerOptions, ChainPlace, GueOptions, InterfaceOptions, XdpMode } from './options.js';

/** Checked options of a balancer. */
export interface BalancerSettings {
  readonly devices: readonly InterfaceOptions[];
  /** The next hop of a balancer without devices. */
  readonly nextHop: Omit<InterfaceOptions, 'name'>;
  /** Undefined: native if the driver can, else generic. */
  readonly mode: XdpMode | undefined;
  readonly chain: ChainPlace | undefined;
  readonly callsNext: boolean;
  readonly pin: PinSettings | undefined;
  readonly forgetFlows: boolean;
  readonly gue: GueSettings;
  readonly gre: boolean;
  readonly maxFrame: number;
  /** 0: longer frames are not answered. */
  readonly icmpMtu: number;
  readonly tcpServerIds: boolean;
  readonly inlineDecapsulation: boolean;
  readonly hashMaxVips: number;
  readonly nat: NatSettings | undefined;
  /** The option `flows`; null for the default. */
  readonly flows: number | null;
  /** Whether addresses of IPv6 flows are kept. */
  readonly flowAddresses: boolean;
  /** Buckets of one CPU's flow table. */
  readonly bucketsPerCpu: number;
  readonly fallbackFlows: number;
  /** CPUs that forward. */
  readonly cpus: readonly number[];
  readonly newFlowLimit: number;
  readonly udpIdleTicks: number;
  readonly maxReals: number;
  /** Slots of the table of server ids, a power of two. */
  readonly serverIdSlots: number;
  readonly maxSourceRoutes: number;
  readonly maxGlobalFlows: number;
  /** Flows of other balancers that are remembered; 0 if none are shared. */
  readonly syncFlows: number;
}

type NextHopOptions = { readonly [Key in keyof BalancerSettings['nextHop']]?: string | undefined };

/** The place where a balancer is pinned. */
export interface PinSettings {
  readonly name: string;
  readonly root: string;
}

/** Generic UDP encapsulation. */
export interface GueSettings {
  /** Whether tunnels use GUE. Decapsulation uses the port in any case. */
  readonly used: boolean;
  /** Destination port in network order. */
  readonly port: number;
  readonly source4: Uint32Array | undefined;
  readonly source6: Uint32Array | undefined;
}

/** Places for each flow, so that few flows fall into a full bucket. */
const placesPerFlow = 2;

/**
 * Checks options and applies defaults.
 *
 * @param online The CPUs that are online, which forward by default.
 * @param possible The CPUs that the machine may have.
 * @throws OptionError for options that make no sense.
 */
export function parseOptions(
  options: BalancerOptions,
  online: () => readonly number[] = onlineCpus,
  possible: () => readonly number[] = possibleCpus,
): BalancerSettings {
  const { mode, chain, pin, pinRoot = defaultPinRoot } = options;
  const devices = parseDevices(options);
  checkAttachment(options, devices);
  const cpus = options.cpus === undefined ? online() : parseCpus(options.cpus, possible);
  const flows = inRange('flows', options.flows);
  return {
    devices,
    nextHop: nextHopOf(options),
    mode,
    chain,
    callsNext: options.callsNext ?? false,
    pin: pin === undefined ? undefined : { name: pin, root: pinRoot },
    forgetFlows: options.forgetFlows ?? false,
    gue: parseGue(options.gue),
    gre: parseGre(options),
    maxFrame: inRange('maxFrame', options.maxFrame),
    icmpMtu: inRange('icmpMtu', options.icmpMtu),
    tcpServerIds: options.tcpServerIds ?? false,
    inlineDecapsulation: options.inlineDecapsulation ?? false,
    hashMaxVips: inRange('hashMaxVips', options.hashMaxVips),
    nat: options.nat && parseNatOptions(options.nat, chain !== undefined || devices.length > 0),
    flows: options.flows ?? null,
    flowAddresses: options.flowAddresses ?? true,
    bucketsPerCpu: Math.ceil((flows * placesPerFlow) / Limit.FLOW_WAYS / cpus.length),
    fallbackFlows: inRange('fallbackFlows', options.fallbackFlows),
    cpus,
    newFlowLimit: inRange('newFlowLimit', options.newFlowLimit),
    udpIdleTicks: ticksOf('udpIdleSeconds', options.udpIdleSeconds ?? DEFAULT_UDP_IDLE_SECONDS),
    maxReals: inRange('maxReals', options.maxReals),
    serverIdSlots: idSlotCount(inRange('maxServerIds', options.maxServerIds)),
    maxSourceRoutes: inRange('maxSourceRoutes', options.maxSourceRoutes),
    maxGlobalFlows: inRange('maxGlobalFlows', options.maxGlobalFlows),
    syncFlows: inRange('syncFlows', options.syncFlows),
  };
}

/** The devices, each with its next hop if the options name one. */
function parseDevices(options: BalancerOptions): InterfaceOptions[] {
  const { interface: single, interfaces = [] } = options;
  const named = [...(single === undefined ? [] : [single]), ...interfaces];
  return named.map((device) => {
    const given = typeof device === 'string' ? { name: device } : device;
    const routerMac = given.routerMac ?? (given.router === undefined ? options.routerMac : undefined);
    const router = given.router ?? options.router;
    // A device with its own router has it behind itself, unless it says otherwise.
    const hasOwn = given.router !== undefined || given.routerMac !== undefined;
    const through = given.routerInterface ?? (hasOwn ? undefined : options.routerInterface);
    const routerInterface = through === given.name ? undefined : through;
    return { name: given.name, ...nextHopOf({ routerMac, router, routerInterface }) };
  });
}

/** The options of a next hop that are given. */
function nextHopOf({ routerMac, router, routerInterface }: NextHopOptions): BalancerSettings['nextHop'] {
  return {
    ...(routerMac !== undefined && { routerMac }),
    ...(router !== undefined && { router }),
    ...(routerInterface !== undefined && { routerInterface }),
  };
}

/** Checks the source of packets, and the next hops. @throws OptionError */
function checkAttachment(options: BalancerOptions, devices: readonly InterfaceOptions[]): void {
  const { chain, mode, pin } = options;
  if (chain !== undefined && devices.length > 0)
    throw new OptionError('chain and interfaces exclude each other: name one of them');
  if (chain !== undefined && pin === undefined) {
    throw new OptionError('chain needs pin, since the program stays in the slot when this process ends');
  }
  if (mode !== undefined && mode !== 'native' && mode !== 'generic') {
    throw new OptionError(`mode ${String(mode)}: expected native or generic`);
  }
  for (const { routerMac, router, routerInterface } of [options, ...devices]) {
    if (routerInterface === '') throw new OptionError('routerInterface: expected the name of a device');
    if (routerMac !== undefined) macBytes(routerMac);
    if (router !== undefined) keyAddress(router);
  }
  const names = devices.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new OptionError(`interfaces: ${twice} is listed twice`);
}

function parseCpus(cpus: readonly number[], possible: () => readonly number[]): readonly number[] {
  for (const cpu of cpus) within('cpus', cpu, 0, MAX_CPU);
  if (cpus.length === 0) throw new OptionError('cpus: expected at least one');
  const highest = Math.max(...possible());
  const missing = cpus.find((cpu) => cpu > highest);
  if (missing !== undefined)
    throw new OptionError(`cpus: this machine has no CPU ${missing}; its CPUs are 0 to ${highest}`);
  return [...new Set(cpus)];
}

/** Checks the options of GUE. @throws OptionError */
export function parseGue(gue: GueOptions | undefined): GueSettings {
  const { source4, source6, port = DEFAULT_GUE_PORT } = gue ?? {};
  return {
    used: gue !== undefined,
    port: wirePort(port),
    source4: source4 === undefined ? undefined : addressWords(source4, false),
    source6: source6 === undefined ? undefined : addressWords(source6, true),
  };
}

/** Whether tunnels use GRE. @throws OptionError if they are to use GUE as well */
export function parseGre({ gre = false, gue }: { readonly gre?: boolean; readonly gue?: unknown }): boolean {
  if (gre && gue !== undefined) throw new OptionError('gre and gue exclude each other: choose one of them');
  return gre;
}

/** The words of an address of a given family. @throws OptionError */
function addressWords(address: string, ipv6: boolean): Uint32Array {
  const key = keyAddress(address);
  if (key.ipv6 !== ipv6) throw new OptionError(`${address}: expected an IPv${ipv6 ? 6 : 4} address`);
  return key.words;
}
