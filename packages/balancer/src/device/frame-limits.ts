/** The longest frames that fit into tunnels, and what is wrong with devices. Pure functions. */
import type { Config } from '../config/schema.js';
import { ranges } from '../limits.js';
import type { XdpMode } from '../options.js';
import type { DeviceFeatures } from './device-features.js';

const ETHERNET = 14;
const IPV4 = 20;
const IPV6 = 40;
const UDP = 8;

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
  return outer + (encapsulation === 'ipip' ? 0 : UDP);
}

/**
 * The limits of a configuration: as in the file, else such that frames fit into the devices' MTU with their outer headers.
 *
 * @param mtus The MTUs of the devices; without any, the options' own defaults.
 */
export function frameLimits(config: Config, mtus: readonly number[]): FrameLimits {
  const { least, most, default: usual } = ranges.maxFrame;
  const fitting = Math.min(most, Math.max(least, Math.min(...mtus) + ETHERNET - tunnelBytes(config)));
  const maxFrame = config.options.maxFrame ?? (mtus.length === 0 ? usual : fitting);
  return { maxFrame, icmpMtu: config.options.icmpMtu ?? maxFrame - ETHERNET };
}

/** A device, with the mode of its program where that is known. */
export interface SeenDevice extends DeviceFeatures {
  readonly name: string;
  readonly mode: XdpMode | undefined;
}

/** What is wrong with a device, and how to mend it. @param maxFrame The longest frame that is forwarded. */
export function deviceAdvice(device: SeenDevice, config: Config, maxFrame: number): string[] {
  const { name, mtu, gro, lro, driver, mode } = device;
  const outer = tunnelBytes(config);
  const longest = maxFrame - ETHERNET + outer;
  const advice: string[] = [];
  if (outer > 0 && longest > mtu)
    advice.push(
      `${name} has an MTU of ${mtu}, but packets become up to ${longest} bytes long in the tunnel, and those are lost: ` +
        `"ip link set ${name} mtu ${longest}" where the network can, else options: {maxFrame: ${mtu + ETHERNET - outer}}`,
    );
  if (outer > 0 && longest <= mtu && maxFrame < ranges.maxFrame.default)
    advice.push(
      `${name} has an MTU of ${mtu}: packets of clients over ${maxFrame - ETHERNET} bytes are answered with "too big", ` +
        `since the tunnel adds ${outer}; an MTU of ${1500 + outer} on the way to the reals makes room for 1500`,
    );
  if (lro === true)
    advice.push(
      `${name} merges received packets (LRO), which cannot be forwarded: "ethtool -K ${name} lro off"`,
    );
  if (mode === 'generic' && gro === true)
    advice.push(
      `${name} has XDP in the network stack and merges received packets (GRO), which makes it up to 50 times slower: ` +
        `"ethtool -K ${name} gro off"`,
    );
  if (driver === 'veth' && mode === 'native')
    advice.push(
      `${name} is a veth with XDP in the driver: its peer gets what the balancer sends only if it has an XDP program, ` +
        `or GRO on since Linux 5.13; with "mode: generic" it gets all`,
    );
  return advice;
}
