/** What is wrong with devices, and how to mend it. Pure functions. */
import { devicesOf, exitsOf } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import { ranges } from '../limits.js';
import type { XdpMode } from '../options.js';
import type { DeviceFeatures } from './device-features.js';
import { ETHERNET, tunnelBytes } from './frame-limits.js';

/** A device, with the mode of its program where that is known. */
export interface SeenDevice extends DeviceFeatures {
  readonly name: string;
  readonly mode: XdpMode | undefined;
}

/** What is wrong with a device through which packets come in and leave. @param maxFrame The longest frame that is forwarded. */
export function deviceAdvice(device: SeenDevice, config: Config, maxFrame: number): string[] {
  return [...exitAdvice(device, config, maxFrame), ...entryAdvice(device), ...returnAdvice(device)];
}

/**
 * What is wrong with the devices of a configuration, each with its name.
 *
 * @param look Returns what is known of a device.
 * @param modeOf Returns the mode of a device's program, where that is known.
 */
export function devicesAdvice(
  config: Config,
  maxFrame: number,
  look: (name: string) => DeviceFeatures | undefined,
  modeOf: (name: string) => XdpMode | undefined,
): { readonly name: string; readonly message: string }[] {
  const entries = devicesOf(config).map(({ name }) => name);
  const exits = exitsOf(config);
  return [...new Set([...entries, ...exits])].flatMap((name) => {
    const features = look(name);
    if (features === undefined) return [];
    const device = { name, mode: modeOf(name), ...features };
    const isEntry = entries.includes(name);
    const isExit = exits.includes(name);
    const native = entries.filter((entry) => modeOf(entry) !== 'generic' && entry !== name);
    return [
      ...(isExit ? exitAdvice(device, config, maxFrame) : []),
      ...(isEntry ? entryAdvice(device) : []),
      ...(isEntry && isExit ? returnAdvice(device) : []),
      ...(isExit && native.length > 0 && !isEntry ? redirectAdvice(device, modeOf(native[0]!)) : []),
    ].map((message) => ({ name, message }));
  });
}

/** The MTU of a device by which packets leave. */
function exitAdvice({ name, mtu }: SeenDevice, config: Config, maxFrame: number): string[] {
  const outer = tunnelBytes(config);
  const longest = maxFrame - ETHERNET + outer;
  if (outer > 0 && longest > mtu)
    return [
      `${name} has an MTU of ${mtu}, but packets become up to ${longest} bytes long in the tunnel, and those are lost: ` +
        `"ip link set ${name} mtu ${longest}" where the network can, else options: {maxFrame: ${mtu + ETHERNET - outer}}`,
    ];
  if (outer > 0 && maxFrame < ranges.maxFrame.default)
    return [
      `${name} has an MTU of ${mtu}: packets of clients over ${maxFrame - ETHERNET} bytes are answered with "too big", ` +
        `since the tunnel adds ${outer}; an MTU of ${1500 + outer} on the way to the reals makes room for 1500`,
    ];
  return [];
}

/** Packets that arrive must not be merged. */
function entryAdvice({ name, gro, lro, mode }: SeenDevice): string[] {
  const advice: string[] = [];
  if (lro === true)
    advice.push(
      `${name} merges received packets (LRO), which cannot be forwarded: "ethtool -K ${name} lro off"`,
    );
  if (mode === 'generic' && gro === true)
    advice.push(
      `${name} has XDP in the network stack and merges received packets (GRO), which makes it up to 50 times slower: ` +
        `"ethtool -K ${name} gro off"`,
    );
  return advice;
}

/** A veth sends what its own program returns only to a peer that polls. */
function returnAdvice({ name, driver, mode }: SeenDevice): string[] {
  if (driver !== 'veth' || mode !== 'native') return [];
  return [
    `${name} is a veth with XDP in the driver: its peer gets what the balancer sends only if it has an XDP program, ` +
      `or GRO on since Linux 5.13; with "mode: generic" it gets all`,
  ];
}

/** XDP in one driver can only send to another driver that takes its packets. @param mode That of the first, if known. */
export function redirectAdvice(
  { name, driver, takesRedirected }: Pick<SeenDevice, 'name' | 'driver' | 'takesRedirected'>,
  mode: XdpMode | undefined,
): string[] {
  if (mode === 'generic' || takesRedirected === true) return [];
  if (driver === 'veth')
    return [
      `${name} is a veth: it sends what XDP in another driver redirects only if its peer has an XDP program, ` +
        `or GRO on since Linux 5.13; with "mode: generic" it sends all`,
    ];
  if (takesRedirected === undefined) return [];
  return [
    `${name} (${driver ?? 'driver unknown'}) cannot send what XDP in another driver redirects, and those packets are lost: ` +
      'some drivers can once they have an XDP program of their own; with "mode: generic" all can',
  ];
}
