/** Conversion of a configuration to a balancer's options and services. */
import { canonicalAddress, isAddress } from '@weir/ebpf/address';
import type { BalancerOptions } from '../options.js';
import { type Service, type ServiceReal, type ServiceSpec, serviceName } from '../service.js';
import type { Config, DeviceConfig, RealConfig, VipConfig } from './schema.js';

/** Options of the program itself, without its attachments. */
export function programOptions({ encapsulation, nat, options }: Config): BalancerOptions {
  return {
    ...options,
    ...(encapsulation === 'gre' && { gre: true }),
    ...(typeof encapsulation === 'object' && { gue: encapsulation.gue }),
    ...(nat !== undefined && { nat }),
  };
}

/** Options of a balancer that outlives its process, pinned under the name in the configuration. */
export function openOptions(config: Config): BalancerOptions {
  const { name, mode, chain, router, sync } = config;
  const interfaces = devicesOf(config).map((device) => ({
    name: device.name,
    ...nextHop(device.router),
    ...through(device),
  }));
  return {
    ...programOptions(config),
    ...(interfaces.length > 0 && { interfaces }),
    ...(mode !== undefined && { mode }),
    ...(chain !== undefined && { chain }),
    ...nextHop(router),
    ...through(config),
    ...(sync !== undefined && { syncFlows: sync.flows }),
    pin: name,
  };
}

/** The devices from which packets come; none if another program calls the balancer. */
export function devicesOf({ interface: one, interfaces = [] }: Config): readonly DeviceConfig[] {
  return one === undefined ? interfaces : [{ name: one }];
}

function through({ routerInterface }: Pick<DeviceConfig, 'routerInterface'>): { routerInterface?: string } {
  return routerInterface === undefined ? {} : { routerInterface };
}

/** The device by which packets from a device leave for the router. */
export function exitOf(config: Pick<Config, 'routerInterface'>, device: DeviceConfig): string {
  const hasOwn = Object.keys(nextHop(device.router)).length > 0;
  return device.routerInterface ?? (hasOwn ? undefined : config.routerInterface) ?? device.name;
}

/** The devices by which packets leave for routers. */
export function exitsOf(config: Config): string[] {
  const exits = devicesOf(config).map((device) => exitOf(config, device));
  if (config.chain !== undefined && config.routerInterface !== undefined) exits.push(config.routerInterface);
  return [...new Set(exits)];
}

/**
 * The option for a next hop: `routerMac` for a MAC address, `router` for an IP address, none for `auto` or
 * undefined.
 */
export function nextHop(router: string | undefined): { routerMac?: string; router?: string } {
  if (router === undefined || router === 'auto') return {};
  return isAddress(router) ? { router } : { routerMac: router };
}

/** The service of a VIP. */
export function serviceOf({ address, port, protocol }: VipConfig): Service {
  return { address, port, protocol };
}

const indexes = new WeakMap<Config['vips'], ReadonlyMap<string, VipConfig>>();

/** The VIP of a service, however its address is written. */
export function vipOf({ vips }: Pick<Config, 'vips'>, service: Service): VipConfig | undefined {
  let index = indexes.get(vips);
  if (index === undefined) {
    index = new Map(vips.map((vip) => [serviceName(vip), vip]));
    indexes.set(vips, index);
  }
  return index.get(serviceName(service));
}

/** A real of a VIP, by address and by a port that is not the VIP's. */
export function realAt({ reals }: VipConfig, address: string, port?: number): RealConfig | undefined {
  return (
    reals.find((real) => real.address === address && real.port === port) ??
    reals.find((real) => sameAddress(real.address, address) && real.port === port)
  );
}

function sameAddress(a: string, b: string): boolean {
  return canonicalAddress(a) === canonicalAddress(b);
}

/** The specification of a VIP. @param weight Returns a real's weight. Default: the configured one. */
export function specOf(vip: VipConfig, weight = (real: RealConfig) => real.weight): ServiceSpec {
  return {
    reals: vip.reals.map((real) => realOf(real, weight(real))),
    flags: vip.flags,
    ...(vip.forwarding !== 'tunnel' && { forwarding: vip.forwarding }),
    ...(vip.ringVersion !== undefined && { ringVersion: vip.ringVersion }),
  };
}

function realOf({ address, port, local, down }: RealConfig, weight: number): ServiceReal {
  return { address, ...(port !== undefined && { port }), weight, local, down };
}
