/** The longest frames that fit into tunnels. Pure functions. */
import type { Config } from '../config/schema.js';
import { ranges } from '../limits.js';

/** Bytes of an Ethernet header. */
export const ETHERNET = 14;
const IPV4 = 20;
const IPV6 = 40;
const UDP = 8;
const GRE = 4;

/** The longest frames, and the MTU that clients are answered with. */
export interface FrameLimits {
  readonly maxFrame: number;
  readonly icmpMtu: number;
}

/** Bytes of the longest outer headers in a configuration: 0 without reals behind a tunnel. */
export function tunnelBytes({ vips, encapsulation, serverIds, sourceRoutes }: Config): number {
  const reals = [
    ...vips.flatMap(({ forwarding, reals }) =>
      forwarding === 'tunnel' ? reals.filter(({ local }) => !local).map(({ address }) => address) : [],
    ),
    ...[...serverIds, ...sourceRoutes].map(({ real }) => real),
  ];
  if (reals.length === 0) return 0;
  const outer = reals.some((address) => address.includes(':')) ? IPV6 : IPV4;
  if (encapsulation === 'ipip') return outer;
  return outer + (encapsulation === 'gre' ? GRE : UDP);
}

/**
 * The limits of a configuration: as in the file, else such that frames fit into the devices' MTU with their outer headers.
 *
 * @param mtus The MTUs of the devices by which packets leave; without any, the options' own defaults.
 */
export function frameLimits(config: Config, mtus: readonly number[]): FrameLimits {
  const { least, most, default: usual } = ranges.maxFrame;
  const fitting = Math.min(most, Math.max(least, Math.min(...mtus) + ETHERNET - tunnelBytes(config)));
  const maxFrame = config.options.maxFrame ?? (mtus.length === 0 ? usual : fitting);
  return { maxFrame, icmpMtu: config.options.icmpMtu ?? maxFrame - ETHERNET };
}
