/** Rules for services, each alone and with the others. */
import { canonicalAddress } from '@weir/ebpf/address';
import { keyPrefix } from './address.js';
import { isWeight } from './datapath/rings/ring.js';
import { MAX_WEIGHT } from './limits.js';
import {
  realKey,
  type Service,
  type ServiceReal,
  type ServiceSpec,
  serviceName,
  vipName,
} from './service.js';

/** A service with its specification. */
export type WholeService = Service & ServiceSpec;

/** A rule that a service breaks. */
export interface ServiceProblem {
  /** The service's index. */
  readonly index: number;
  /** The place in the service, such as `['reals', 0, 'address']`; empty for the whole service. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Problem = Omit<ServiceProblem, 'index'>;

const isIpv6 = (address: string): boolean => address.includes(':');

/** Indices of the items whose key an earlier item has. */
export function repeated<T>(items: readonly T[], key: (item: T) => string): number[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const text = key(item);
    const again = seen.has(text);
    seen.add(text);
    return again ? [index] : [];
  });
}

/**
 * Rules that services break, independent of a balancer's options.
 *
 * @throws OptionError for invalid addresses and ports.
 */
export function serviceProblems(services: readonly WholeService[]): ServiceProblem[] {
  return [
    ...repeated(services, serviceName).map((index) => ({
      index,
      path: [],
      message: `VIP ${vipName(services[index]!)} is listed twice`,
    })),
    ...services.flatMap((service, index) => ofReals(service).map((problem) => ({ index, ...problem }))),
    ...localities(services),
  ];
}

/** Rules that services with `forwarding: 'nat'` break. @param sources The balancer's own addresses, if there are any. */
export function translationProblems(
  services: readonly WholeService[],
  sources: readonly { readonly ipv6: boolean }[] | undefined,
): ServiceProblem[] {
  return services.flatMap((service, index) =>
    ofTranslation(service, sources).map((problem) => ({ index, ...problem })),
  );
}

function ofReals(service: WholeService): Problem[] {
  const { reals } = service;
  return [
    ...repeated(reals, realKey).map((index) => {
      const { address, port = 0 } = reals[index]!;
      const which = port === 0 ? address : `${address} port ${port}`;
      return { path: ['reals', index, 'address'], message: `real ${which} is listed twice` };
    }),
    ...reals.flatMap((real, index) =>
      ofReal(service, real).map(({ path, message }) => ({ path: ['reals', index, ...path], message })),
    ),
  ];
}

function ofReal(service: WholeService, real: ServiceReal): Problem[] {
  const { address, weight = 1 } = real;
  const found =
    service.forwarding === 'nat' ? ofTranslatedReal(service.address, real) : ofOtherReal(service, real);
  if (isWeight(weight)) return found;
  const message = `real ${address}: weight ${weight}: expected a whole number from 0 to ${MAX_WEIGHT}`;
  return [...found, { path: ['weight'], message }];
}

function ofTranslatedReal(vip: string, { address, local }: ServiceReal): Problem[] {
  const found: Problem[] = [];
  if (isIpv6(vip) !== isIpv6(address)) {
    found.push({ path: ['address'], message: `real ${address}: NAT does not change between IPv4 and IPv6` });
  }
  if (local === true) {
    found.push({
      path: ['local'],
      message: 'a local real gets packets unchanged, so it cannot have forwarding: nat',
    });
  }
  return found;
}

function ofOtherReal({ forwarding }: WholeService, { port = 0 }: ServiceReal): Problem[] {
  if (port === 0) return [];
  const what = forwarding === 'direct' ? 'forwarding: direct' : 'a tunnel';
  const message = `port: a real's own port needs forwarding: nat, since ${what} keeps the VIP's port`;
  return [{ path: ['port'], message }];
}

/** A real must be local in all services or in none. */
function localities(services: readonly WholeService[]): ServiceProblem[] {
  const known = new Map<string, boolean>();
  return services.flatMap(({ reals }, index) =>
    reals.flatMap(({ address, local = false }, real): ServiceProblem[] => {
      const key = canonicalAddress(address);
      const before = known.get(key) ?? local;
      known.set(key, before);
      if (before === local) return [];
      const message = `real ${address} is ${local ? 'not local' : 'local'} in another VIP`;
      return [{ index, path: ['reals', real, 'address'], message }];
    }),
  );
}

function ofTranslation(
  { address, forwarding, flags = [] }: WholeService,
  sources: readonly { readonly ipv6: boolean }[] | undefined,
): Problem[] {
  if (forwarding !== 'nat') return [];
  const found: Problem[] = [];
  const { ipv6 } = keyPrefix(address);
  if (sources === undefined) {
    found.push({
      path: ['forwarding'],
      message: 'forwarding: nat needs nat.sources, addresses of the balancer itself',
    });
  } else if (!sources.some((source) => source.ipv6 === ipv6)) {
    const message = `forwarding: nat needs an IPv${ipv6 ? 6 : 4} address in nat.sources`;
    found.push({ path: ['forwarding'], message });
  }
  const local = flags.indexOf('local');
  if (local !== -1) {
    const message = 'the flag local delivers packets to this host, so it excludes forwarding: nat';
    found.push({ path: ['flags', local], message });
  }
  return found;
}
