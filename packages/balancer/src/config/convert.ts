/** What a configuration means to a balancer. */
import type { BalancerOptions } from '../options.js';
import type { Service, ServiceReal, ServiceSpec } from '../service.js';
import type { Config, RealConfig, VipConfig } from './schema.js';

/** Options of a balancer for a configuration, but for its router's MAC address. */
export function balancerOptions(config: Config): Omit<BalancerOptions, 'routerMac'> {
  const { interface: device, mode, chain, encapsulation, options } = config;
  return {
    ...options,
    ...(chain === undefined && { interface: device }),
    ...(mode !== undefined && { mode }),
    ...(encapsulation !== 'ipip' && { gue: encapsulation.gue }),
  };
}

export function serviceOf({ address, port, protocol }: VipConfig): Service {
  return { address, port, protocol };
}

/** @param weight what a real gets; default: what the file says. */
export function specOf(vip: VipConfig, weight = (real: RealConfig) => real.weight): ServiceSpec {
  return {
    reals: vip.reals.map((real) => realOf(real, weight(real))),
    flags: vip.flags,
    ...(vip.ringVersion !== undefined && { ringVersion: vip.ringVersion }),
  };
}

function realOf({ address, local, down }: RealConfig, weight: number): ServiceReal {
  return { address, weight, local, down };
}
