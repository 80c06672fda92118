/** What is probably a mistake in a configuration that can be used. Pure functions, which receive what is known of the host. */
import type { Finding, Path } from '@weir/config';
import { canonicalAddress, formatAddress, parseNetwork, parsePrefix } from '@weir/ebpf/address';
import { devicesAdvice } from '../device/device-advice.js';
import type { DeviceFeatures } from '../device/device-features.js';
import { frameLimits } from '../device/frame-limits.js';
import { addressSpecialty, isPart, type Prefix } from './address-specialty.js';
import { exitsOf } from './convert.js';
import type { Config, VipConfig } from './schema.js';

/** What the warnings take from a host. */
export interface HostView {
  /** The host's own addresses. */
  readonly addresses: readonly string[];
  /** The networks of this host's devices, as addresses with a length (`192.0.2.9/24`); undefined if nobody knows. */
  readonly networks: readonly string[] | undefined;
  /** This host's end of the connection through which somebody is logged in; undefined if there is none. */
  readonly login: { readonly address: string; readonly port: number } | undefined;
  /** A network device; undefined if there is none of that name, or nobody knows. */
  device(name: string): DeviceFeatures | undefined;
  /** Whether a file is there that can be run. */
  isProgram(path: string): boolean;
  /** What is wrong with a file that only root may read; undefined if nothing is, or nobody knows. */
  secretProblem(path: string): string | undefined;
}

/** Nothing is known of the host, so only the file itself counts. */
export const unknownHost: HostView = {
  addresses: [],
  networks: undefined,
  login: undefined,
  device: () => undefined,
  isProgram: () => true,
  secretProblem: () => undefined,
};

function isIn(prefix: string, address: string): boolean {
  return isPart(parsePrefix(prefix), parsePrefix(address));
}

/** The addresses of reals in the tunnel or translated, found by address, and by prefix without parsing them again. */
class RemoteReals {
  readonly #byAddress = new Map<string, string>();
  readonly #parsed: readonly (readonly [prefix: Prefix, address: string])[];

  constructor(vips: readonly VipConfig[]) {
    for (const { reals } of vips) {
      for (const { address, local } of reals) {
        const name = canonicalAddress(address);
        if (!local && !this.#byAddress.has(name)) this.#byAddress.set(name, address);
      }
    }
    this.#parsed = [...this.#byAddress.values()].map((address) => [parsePrefix(address), address]);
  }

  /** The first of them that an address or prefix covers. */
  in(text: string): string | undefined {
    const prefix = parsePrefix(text);
    if (prefix.bits === prefix.address.length * 8) return this.#byAddress.get(formatAddress(prefix.address));
    return this.#parsed.find(([address]) => isPart(prefix, address))?.[1];
  }
}

/** Probable mistakes of a configuration. */
export function warnings(config: Config, host: HostView = unknownHost): Finding[] {
  const reals = new RemoteReals(config.vips);
  return [
    ...config.vips.flatMap((vip, index) => {
      const path = ['vips', index];
      return [
        ...ofAddress(vip, reals, host, path),
        ...ofReals(vip, path),
        ...ofNetworks(vip, host, path),
        ...ofLogin(vip, host, path),
      ];
    }),
    ...ofDevices(config, host),
    ...ofSync(config, host),
    ...ofCommand(config.onChange, host, ['onChange']),
    ...config.vips.flatMap(({ onChange, check }, index) => [
      ...ofCommand(onChange, host, ['vips', index, 'onChange']),
      ...(check?.type === 'script'
        ? ofCommand(check.command, host, ['vips', index, 'check', 'command'])
        : []),
    ]),
  ];
}

function ofDevices(config: Config, host: HostView): Finding[] {
  const mtus = exitsOf(config).flatMap((name) => host.device(name)?.mtu ?? []);
  const { maxFrame } = frameLimits(config, mtus);
  const look = (name: string) => host.device(name);
  return devicesAdvice(config, maxFrame, look, () => config.mode).map(({ name, message }) => ({
    path: pathOf(config, name),
    message,
  }));
}

function ofSync({ sync }: Config, host: HostView): Finding[] {
  const problem = sync && host.secretProblem(sync.keyFile);
  if (problem === undefined) return [];
  return [{ path: ['sync', 'keyFile'], message: `keyFile: ${problem}: the balancer will not start` }];
}

/** The place in the file that names a device. */
function pathOf(config: Config, name: string): Path {
  if (config.interface === name) return ['interface'];
  const index = (config.interfaces ?? []).findIndex(
    (each) => each.name === name || each.routerInterface === name,
  );
  return index < 0 ? ['routerInterface'] : ['interfaces', index];
}

function ofAddress(
  { address, flags }: VipConfig,
  reals: RemoteReals,
  host: HostView,
  above: Path,
): Finding[] {
  const path = [...above, 'address'];
  const found: Finding[] = [];
  if (parsePrefix(address).bits === 0) {
    const message = `${address} is every address: packets to the host itself are balanced as well`;
    return [{ path, message }];
  }
  const what = addressSpecialty(address);
  if (what !== undefined)
    found.push({ path, message: `${address} is ${what}, to which no client can connect` });
  const own = host.addresses.find((each) => isIn(address, each));
  if (own !== undefined && what === undefined && !flags.includes('local')) {
    const message = `${own} is an address of this host: its packets to this VIP's ports no longer reach the host`;
    found.push({ path, message });
  }
  const real = reals.in(address);
  if (real !== undefined) {
    const message = `${real} is also a real: packets to it, in the tunnel or translated, may be taken for the VIP's own`;
    found.push({ path, message });
  }
  return found;
}

function ofReals({ reals, flags, forwarding, source }: VipConfig, above: Path): Finding[] {
  if (source !== undefined) return [];
  const path = [...above, 'reals'];
  const found = reals.flatMap(({ address, local }, index): Finding[] => {
    const what = addressSpecialty(address);
    if (what !== undefined && !local)
      return [{ path: [...path, index, 'address'], message: `${address} is ${what}: no real can have it` }];
    if (!local || flags.includes('local') || forwarding === 'nat') return [];
    const message = `${canonicalAddress(address)} is local, but the VIP lacks the flag local: packets ${forwarding === 'direct' ? 'to it are dropped' : 'go into the tunnel'}`;
    return [{ path: [...path, index, 'local'], message }];
  });
  if (reals.every(({ weight }) => weight === 0))
    found.push({ path, message: 'all weights are 0: packets are dropped, unless an earlier ring stays' });
  if (flags.includes('local') && !reals.some(({ local }) => local))
    found.push({
      path,
      message: 'the VIP has the flag local, but none of its reals is local: no packet stays on this host',
    });
  return found;
}

/** Packets go directly only to reals on a network of this host. */
function ofNetworks({ reals, forwarding }: VipConfig, { networks }: HostView, above: Path): Finding[] {
  if (forwarding !== 'direct' || networks === undefined) return [];
  return reals.flatMap(({ address, local }, index): Finding[] => {
    const own = parsePrefix(address);
    if (local || networks.some((network) => isPart(parseNetwork(network), own))) return [];
    const message =
      `${address} is on no network of this host, so packets to it are dropped: with forwarding: direct, ` +
      'no router can be between the balancer and its reals';
    return [{ path: [...above, 'reals', index, 'address'], message }];
  });
}

function ofLogin({ address, port, protocol }: VipConfig, { login }: HostView, above: Path): Finding[] {
  if (login === undefined || protocol !== 'tcp' || !isIn(address, login.address)) return [];
  if (port !== 0 && port !== login.port) return [];
  const message = `you are logged in through ${login.address} port ${login.port}: the balancer would cut this connection off`;
  return [{ path: [...above, port === 0 ? 'address' : 'port'], message }];
}

function ofCommand(command: Config['onChange'], host: HostView, path: Path): Finding[] {
  const [program] = command ?? [];
  const key = String(path.at(-1));
  if (program === undefined) return [];
  if (!program.startsWith('/')) {
    const message = `${key}: ${program} is no absolute path: which program it is depends on where the balancer is started`;
    return [{ path: [...path, 0], message }];
  }
  if (host.isProgram(program)) return [];
  return [{ path: [...path, 0], message: `${key}: ${program} is not there, or cannot be run` }];
}
