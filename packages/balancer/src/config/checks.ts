/** Checks that the schema cannot express: whether the values of a configuration fit together. */
import type { Finding, Path } from '@weir/config';
import { canonicalAddress, canonicalPrefix } from '@weir/ebpf/address';
import { isLoopback } from '@weir/http/auth';
import { keyAddress, keyPrefix } from '../address.js';
import { familyProblem } from '../datapath/frame.js';
import { ranges } from '../limits.js';
import { realKey, serviceName } from '../service.js';
import { repeated, serviceProblems, translationProblems } from '../service-rules.js';
import type { Config, VipConfig } from './schema.js';

/** A VIP that the schema accepts, with its index in the file. */
export interface PlacedVip {
  readonly index: number;
  readonly vip: VipConfig;
}

const isIpv6 = (address: string): boolean => address.includes(':');

/** Problems of VIPs, each alone and with the others. */
export function vipFindings(placed: readonly PlacedVip[]): Finding[] {
  const vips = placed.map(({ vip }) => vip);
  const twice = repeated(vips, serviceName);
  const names = repeated(vips, ({ name }) => name).filter((at) => !twice.includes(at));
  return [
    ...serviceProblems(vips).map(({ index, path, message }) => ({
      path: ['vips', placed[index]!.index, ...path],
      message,
    })),
    ...names.map((at) => {
      const { index, vip } = placed[at]!;
      return { path: ['vips', index, 'name'], message: `another VIP has the name ${vip.name}` };
    }),
    ...placed.flatMap(({ vip, index }) => ofVip(vip, ['vips', index])),
  ];
}

function ofVip(vip: VipConfig, path: Path): Finding[] {
  const { reals } = vip;
  const twice = repeated(reals, realKey);
  const names = repeated(reals, ({ name }) => name).filter((index) => !twice.includes(index));
  return [
    ...names.map((index) => ({
      path: [...path, 'reals', index, 'name'],
      message: `another real has the name ${reals[index]!.name}`,
    })),
    ...ofDown(vip, path),
    ...ofFlags(vip, path),
    ...ofCheck(vip, path),
    ...ofAgent(vip, path),
  ];
}

function ofDown({ reals, flags }: VipConfig, path: Path): Finding[] {
  if (flags.includes('udpMigration')) return [];
  return reals.flatMap(({ down }, index) =>
    down
      ? [
          {
            path: [...path, 'reals', index, 'down'],
            message: 'down has an effect only in a VIP with the flag udpMigration; use weight: 0 to drain',
          },
        ]
      : [],
  );
}

/** Flags that concern packets of one protocol. A balancer ignores others, but in a file they are a mistake. */
const flagProtocols = { quic: 'udp', stableUdp: 'udp', udpMigration: 'udp' } as const;

function ofFlags({ flags, protocol, address, port }: VipConfig, path: Path): Finding[] {
  return flags.flatMap((flag, index): Finding[] => {
    const here = [...path, 'flags', index];
    const needed = (flagProtocols as Readonly<Partial<Record<string, string>>>)[flag];
    if (needed !== undefined && needed !== protocol) {
      return [{ path: here, message: `${flag} is only for ${needed} VIPs` }];
    }
    if (flag === 'hashBothPorts' && port !== 0 && keyPrefix(address).whole) {
      const message = 'hashBothPorts is only for VIPs of all ports (port: 0) or with a prefix';
      return [{ path: here, message }];
    }
    return [];
  });
}

function ofCheck({ check, port, address, reals, forwarding }: VipConfig, above: Path): Finding[] {
  if (check === undefined) return [];
  const path = [...above, 'check'];
  const found: Finding[] = [];
  if (check.timeout > check.interval) {
    found.push({ path: [...path, 'timeout'], message: 'timeout: expected no more than the interval' });
  }
  if (check.port === undefined && port === 0 && reals.some((real) => real.port === undefined)) {
    found.push({ path, message: 'port is missing: checks of a VIP of all ports need one' });
  }
  const isTunnelled = 'tunnel' in check && check.tunnel;
  if (isTunnelled && forwarding === 'nat') {
    const message = `tunnel: VIPs with forwarding: ${forwarding} have no tunnel`;
    found.push({ path: [...path, 'tunnel'], message });
  }
  if (isTunnelled && !keyPrefix(address).whole) {
    found.push({
      path: [...path, 'tunnel'],
      message: 'tunnel: probes need one address, and the VIP is a prefix',
    });
  }
  return found;
}

function ofAgent({ agent }: VipConfig, above: Path): Finding[] {
  if (agent?.timeout === undefined || agent.timeout <= agent.interval) return [];
  return [{ path: [...above, 'agent', 'timeout'], message: 'timeout: expected no more than the interval' }];
}

/** Problems of the other parts of a configuration that is well-formed. */
export function restFindings(config: Config): Finding[] {
  const { mode, chain, options, serverIds, sourceRoutes, tunnelEnds } = config;
  return [
    ...ofDevices(config),
    ...(chain !== undefined && mode !== undefined
      ? [{ path: ['mode'], message: 'mode: in a chain, the program that calls the balancer decides it' }]
      : []),
    ...ofTunnels(config),
    ...ofApi(config),
    ...ofNat(config),
    ...repeated(serverIds, ({ id }) => String(id)).map((index) => ({
      path: ['serverIds', index, 'id'],
      message: `server id ${serverIds[index]!.id} is listed twice`,
    })),
    ...repeated(sourceRoutes, ({ prefix }) => canonicalPrefix(prefix)).map((index) => ({
      path: ['sourceRoutes', index, 'prefix'],
      message: `prefix ${sourceRoutes[index]!.prefix} is listed twice`,
    })),
    ...repeated(tunnelEnds, canonicalAddress).map((index) => ({
      path: ['tunnelEnds', index],
      message: `tunnel end ${tunnelEnds[index]} is listed twice`,
    })),
    ...(tunnelEnds.length > 0 && options.inlineDecapsulation !== true
      ? [{ path: ['tunnelEnds'], message: 'tunnelEnds need options: {inlineDecapsulation: true}' }]
      : []),
    ...ofGlobalFlows(config),
    ...ofRoom(config),
  ];
}

/** Exactly one of the keys must name the source of packets. */
function ofDevices({ interface: one, interfaces, chain }: Config): Finding[] {
  const given = Object.entries({ interface: one, interfaces, chain }).filter(
    ([, value]) => value !== undefined,
  );
  const names = (interfaces ?? []).map(({ name }) => name);
  return [
    ...(given.length === 0 ? [{ path: [], message: 'interface is missing (or interfaces, or chain)' }] : []),
    ...given.slice(1).map(([key]) => ({
      path: [key],
      message: `${key}: there is already ${given[0]![0]}, and only one of them can be used`,
    })),
    ...repeated(names, (name) => name).map((index) => ({
      path: ['interfaces', index],
      message: `interface ${names[index]} is listed twice`,
    })),
  ];
}

function ofTunnels({ encapsulation, vips, serverIds, sourceRoutes }: Config): Finding[] {
  if (typeof encapsulation === 'string') return [];
  const { source4, source6 } = encapsulation.gue;
  const remote = [
    ...vips.flatMap(({ forwarding, reals }) =>
      forwarding === 'tunnel' ? reals.filter(({ local }) => !local).map(({ address }) => address) : [],
    ),
    ...[...serverIds, ...sourceRoutes].map(({ real }) => real),
  ];
  const path = ['encapsulation', 'gue'];
  return [
    ...(source4 === undefined && remote.some((address) => !isIpv6(address))
      ? [{ path, message: 'source4 is missing: there are reals with IPv4' }]
      : []),
    ...(source6 === undefined && remote.some(isIpv6)
      ? [{ path, message: 'source6 is missing: there are reals with IPv6' }]
      : []),
  ];
}

/** VIPs with translation need sources in their family. */
function ofNat({ nat, vips }: Config): Finding[] {
  return translationProblems(vips, nat?.sources.map(keyAddress)).map(({ index, path, message }) => ({
    path: ['vips', index, ...path],
    message,
  }));
}

function ofGlobalFlows({ vips, globalFlows }: Config): Finding[] {
  const known = new Set(vips.flatMap(({ reals }) => reals.map(({ address }) => canonicalAddress(address))));
  return globalFlows.flatMap(({ source, destination, real }, index) => {
    const path = ['globalFlows', index];
    const families = familyProblem({ source, destination });
    return [
      ...(families === undefined ? [] : [{ path: [...path, 'source'], message: families }]),
      ...(known.has(canonicalAddress(real))
        ? []
        : [{ path: [...path, 'real'], message: `${real} is not a real of any VIP` }]),
    ];
  });
}

/** Tokens and answers must not be readable on the way. */
function ofApi({ api }: Config): Finding[] {
  if (api === undefined || api.tls !== undefined) return [];
  return api.listen.flatMap(({ host }, index) =>
    isLoopback(host)
      ? []
      : [
          {
            path: ['api', 'listen', index],
            message: `${host} is reached from elsewhere, which needs tls: certificate and key`,
          },
        ],
  );
}

/** Entries must fit the tables. */
function ofRoom({ options, vips, serverIds, sourceRoutes, globalFlows }: Config): Finding[] {
  const room = (name: keyof typeof ranges & keyof Config['options']) => options[name] ?? ranges[name].default;
  const reals = new Set([
    ...vips.flatMap((vip) => vip.reals.map(realKey)),
    ...[...serverIds, ...sourceRoutes].map(({ real }) => realKey({ address: real })),
  ]);
  const rooms = [
    { path: ['vips'], what: 'reals', count: reals.size, room: room('maxReals') - 1, option: 'maxReals' },
    {
      path: ['serverIds'],
      what: 'server ids',
      count: serverIds.length,
      room: room('maxServerIds'),
      option: 'maxServerIds',
    },
    {
      path: ['sourceRoutes'],
      what: 'source routes',
      count: sourceRoutes.length,
      room: room('maxSourceRoutes'),
      option: 'maxSourceRoutes',
    },
    {
      path: ['globalFlows'],
      what: 'global flows',
      count: globalFlows.length,
      room: room('maxGlobalFlows'),
      option: 'maxGlobalFlows',
    },
  ];
  return rooms
    .filter(({ count, room }) => count > room)
    .map(({ path, what, count, room, option }) => ({
      path,
      message: `${count} ${what}, but ${option} leaves room for ${room} only`,
    }));
}
