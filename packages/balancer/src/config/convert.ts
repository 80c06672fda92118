/** What a configuration means to a balancer. */
import { isIP } from 'node:net';
import type { BalancerOptions } from '../options.js';
import type { Service, ServiceReal, ServiceSpec } from '../service.js';
import type { Config, RealConfig, VipConfig } from './schema.js';

/** What of a configuration is in the program itself, whatever it is attached to. */
export function programOptions({ encapsulation, nat, options }: Config): Omit<BalancerOptions, 'routerMac'> {
  return {
    ...options,
    ...(encapsulation !== 'ipip' && { gue: encapsulation.gue }),
    ...(nat !== undefined && { nat }),
  };
}

/** What a next hop is called in a balancer's options. */
export function nextHop(router: string | undefined): { routerMac?: string; router?: string } {
  if (router === undefined || router === 'auto') return {};
  return isIP(router) === 0 ? { routerMac: router } : { router };
}

export function serviceOf({ address, port, protocol }: VipConfig): Service {
  return { address, port, protocol };
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
