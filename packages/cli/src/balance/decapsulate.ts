/** `weir balance decapsulate`. */
import { networkInterfaces } from 'node:os';
import {
  Decapsulator,
  type DecapsulatorCounters,
  type DecapsulatorStatus,
  type TunnelTraffic,
} from '@weir/balancer';
import { labels, type Metric } from '@weir/balancer/metrics-text';
import { OptionError } from '@weir/ebpf';
import { definedOnly } from '../args/defined-only.js';
import { type ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import { formatBytes, formatCount } from '../text/units.js';
import { managePinned, type PrefixedMetrics, pinnedName } from './pinned-programs.js';
import type { BalanceRequest, DecapsulateFlags } from './requests.js';

const kinds: readonly (readonly [keyof DecapsulatorCounters, string, string])[] = [
  ['ipip4', 'ipip', '4'],
  ['ipip6', 'ipip', '6'],
  ['gue4', 'gue', '4'],
  ['gue6', 'gue', '6'],
  ['gre4', 'gre', '4'],
  ['gre6', 'gre', '6'],
];

/** @throws UsageError for options that make no sense; EbpfError for what does not work on this host */
export async function decapsulate(
  { interfaces, flags }: Extract<BalanceRequest, { readonly command: 'decapsulate' }>,
  stdout: Output,
): Promise<ExitCode> {
  return await managePinned(flags, stdout, {
    noun: 'decapsulator',
    names: () => Decapsulator.names(),
    status: (name) => Decapsulator.status(name),
    text: statusText,
    metrics: statusMetrics,
    detach: (name) => Decapsulator.detach(name),
    hasArguments: interfaces.length > 0,
    attach: () => attach(interfaces, flags),
  });
}

function attach(interfaces: readonly string[], flags: DecapsulateFlags): string {
  if (interfaces.length === 0) {
    throw new UsageError(
      'expected the devices on which packets arrive, such as eth0, or --status or --detach',
    );
  }
  const { guePort, mode, egress, matchSource: matchSources } = flags;
  const addresses = flags.address ?? addressesOf(interfaces);
  const options = {
    interfaces,
    addresses,
    ...definedOnly({ guePort, mode, egress, matchSources }),
    pin: pinnedName(flags),
  };
  try {
    Decapsulator.open(options)[Symbol.dispose]();
  } catch (error) {
    throw error instanceof OptionError ? new UsageError(error.message, { cause: error }) : error;
  }
  return `decapsulates on ${interfaces.join(', ')} what comes to ${addresses.join(', ')}; it stays until --detach or the next boot\n`;
}

/** Addresses that a balancer may have for this host. */
function addressesOf(interfaces: readonly string[]): string[] {
  const all = networkInterfaces();
  const found = interfaces.flatMap((device) =>
    (all[device] ?? []).map(({ address }) => address).filter((address) => !/^fe[89ab]/i.test(address)),
  );
  if (found.length > 0) return [...new Set(found)];
  throw new UsageError(
    `${interfaces.join(', ')}: no address that a tunnel could end at: give it by --address`,
  );
}

function statusText(status: DecapsulatorStatus): string {
  const { name, interfaces, addresses, guePort, egress, matchSources, counters } = status;
  const devices = interfaces.map((device) => device ?? 'a device that is gone').join(', ');
  const lines = [
    `${name}  ${devices}  ends of tunnels: ${addresses.join(', ') || 'none'}  GUE port ${guePort}${egress ? '  egress' : ''}${matchSources ? '  match source' : ''}`,
  ];
  for (const [kind, protocol, family] of kinds) {
    const { packets, bytes } = counters[kind] as TunnelTraffic;
    const label = `${protocol === 'ipip' ? 'IP in IP' : protocol.toUpperCase()} over IPv${family}`;
    if (packets > 0) lines.push(`  ${label}: ${formatCount(packets, 'packet')}, ${formatBytes(bytes)}`);
  }
  if (lines.length === 1) lines.push('  no packet in a tunnel has come yet');
  if (egress) lines.push(`  ${formatCount(counters.sent, 'packet')} sent on`);
  if (matchSources) lines.push(`  ${formatCount(counters.sourceMatched, 'packet')} given the outer source`);
  if (counters.noRoute > 0)
    lines.push(
      `  ${formatCount(counters.noRoute, 'packet')} left to the host: no route, or no neighbour known`,
    );
  if (counters.lastHop > 0)
    lines.push(`  ${formatCount(counters.lastHop, 'packet')} dropped: TTL or hop limit at its end`);
  return `${lines.join('\n')}\n`;
}

function statusMetrics(all: readonly DecapsulatorStatus[]): PrefixedMetrics {
  const traffic = (field: keyof TunnelTraffic) =>
    all.flatMap(({ name, counters }) =>
      kinds.map(
        ([kind, protocol, family]) =>
          [
            labels({ name, encapsulation: protocol, family: `ipv${family}` }),
            (counters[kind] as TunnelTraffic)[field],
          ] as const,
      ),
    );
  const counter = (
    name: string,
    help: string,
    field: 'sent' | 'lastHop' | 'noRoute' | 'sourceMatched',
  ): Metric => ({
    ...{ name, help, type: 'counter' },
    samples: all.map((one) => [labels({ name: one.name }), one.counters[field]] as const),
  });
  const metrics: Metric[] = [
    {
      ...{ name: 'packets_total', help: 'Packets whose outer headers were removed.', type: 'counter' },
      samples: traffic('packets'),
    },
    {
      ...{ name: 'bytes_total', help: 'Bytes of these packets as they arrived.', type: 'counter' },
      samples: traffic('bytes'),
    },
    counter('sent_packets_total', 'Packets that were sent on (--egress).', 'sent'),
    counter('no_route_packets_total', 'Packets left to the host, without a route or neighbour.', 'noRoute'),
    counter(
      'source_matched_packets_total',
      'Packets that were given the source of their outer header (--match-source).',
      'sourceMatched',
    ),
    counter('last_hop_packets_total', 'Packets dropped at the end of their TTL or hop limit.', 'lastHop'),
  ];
  return { prefix: 'weir_decapsulator_', metrics };
}
