/** What a configuration means to a balancer. */
import { isIP } from 'node:net';
import { canonicalAddress } from '../address.js';
import type { BalancerOptions } from '../options.js';
import { type Service, type ServiceReal, type ServiceSpec, serviceName } from '../service.js';
import type { Config, DeviceConfig, RealConfig, VipConfig } from './schema.js';

/** What of a configuration is in the program itself, whatever it is attached to. */
export function programOptions({ encapsulation, nat, options }: Config): BalancerOptions {
  return {
    ...options,
    ...(encapsulation !== 'ipip' && { gue: encapsulation.gue }),
    ...(nat !== undefined && { nat }),
  };
}

/** What a balancer is opened with, to forward on after its process and be found again by the file's name for it. */
export function openOptions(config: Config): BalancerOptions {
  const { name, mode, chain, router } = config;
  const interfaces = devicesOf(config).map((device) => ({ name: device.name, ...nextHop(device.router) }));
  return {
    ...programOptions(config),
    ...(interfaces.length > 0 && { interfaces }),
    ...(mode !== undefined && { mode }),
    ...(chain !== undefined && { chain }),
    ...nextHop(router),
    pin: name,
  };
}

/** The devices that packets come from; none if another program calls the balancer. */
export function devicesOf({ interface: one, interfaces = [] }: Config): readonly DeviceConfig[] {
  return one === undefined ? interfaces : [{ name: one }];
}

/** What a next hop is called in a balancer's options. */
export function nextHop(router: string | undefined): { routerMac?: string; router?: string } {
  if (router === undefined || router === 'auto') return {};
  return isIP(router) === 0 ? { routerMac: router } : { router };
}

export function serviceOf({ address, port, protocol }: VipConfig): Service {
  return { address, port, protocol };
}

const indexes = new WeakMap<Config['vips'], ReadonlyMap<string, VipConfig>>();

/** The VIP that is a service, however that is written. */
export function vipOf({ vips }: Pick<Config, 'vips'>, service: Service): VipConfig | undefined {
  let index = indexes.get(vips);
  if (index === undefined) {
    index = new Map(vips.map((vip) => [serviceName(vip), vip]));
    indexes.set(vips, index);
  }
  return index.get(serviceName(service));
}

/** A real of a VIP as the program tells of it: its port only where that is not the VIP's. */
export function realAt({ reals }: VipConfig, address: string, port?: number): RealConfig | undefined {
  return (
    reals.find((real) => real.address === address && real.port === port) ??
    reals.find((real) => sameAddress(real.address, address) && real.port === port)
  );
}

function sameAddress(a: string, b: string): boolean {
  return canonicalAddress(a) === canonicalAddress(b);
}

/** @param weight what a real gets; default: what the file says. */
export function specOf(vip: VipConfig, weight = (real: RealConfig) => real.weight): ServiceSpec {
  return {
    reals: vip.reals.map((real) => realOf(real, weight(real))),
    flags: vip.flags,
    ...(vip.forwarding === 'nat' && { forwarding: 'nat' }),
    ...(vip.ringVersion !== undefined && { ringVersion: vip.ringVersion }),
  };
}

function realOf({ address, port, local, down }: RealConfig, weight: number): ServiceReal {
  return { address, ...(port !== undefined && { port }), weight, local, down };
}
