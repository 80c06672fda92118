/** Names and help texts of the program's counters as metrics. */
import type { Counters } from '../datapath/counters.js';

interface CounterMetric {
  readonly name: string;
  readonly help: string;
  /** Label and value that distinguish counters of the same name. */
  readonly label?: readonly [string, string];
}

const verdicts = { name: 'verdicts_total', help: 'Packets by verdict.' };
const flowMisses = {
  name: 'flow_table_misses_total',
  help: 'Packets whose flow was not in the flow table; SYNs are not looked up.',
};
const quic = { name: 'quic_packets_total', help: 'QUIC packets by the server id in their connection id.' };
const quicVersions = {
  name: 'quic_connection_ids_total',
  help: 'QUIC packets with a server id, by the version of their connection id.',
};
const serverId = { name: 'tcp_server_id_packets_total', help: 'TCP packets by their server id.' };
const stableUdp = {
  name: 'stable_udp_packets_total',
  help: 'UDP packets by the server id in their stable header.',
};

const translated = { name: 'nat_flows_total', help: 'Translated flows by event.' };

const counterMetrics: Readonly<Record<keyof Counters, CounterMetric>> = {
  packets: { name: 'packets_total', help: 'Packets that the program received.' },
  transmitted: { ...verdicts, label: ['verdict', 'tx'] },
  redirected: {
    name: 'redirected_packets_total',
    help: 'Packets that left by another device than that through which they came in.',
  },
  dropped: { ...verdicts, label: ['verdict', 'drop'] },
  passed: { ...verdicts, label: ['verdict', 'pass'] },
  malformed: { name: 'malformed_packets_total', help: 'Packets to a VIP that were malformed or fragments.' },
  echo: { name: 'echo_replies_total', help: 'Echo requests to a VIP that were answered.' },
  tooBig: { name: 'too_big_packets_total', help: 'Packets to a VIP that were longer than maxFrame.' },
  flowHit: { name: 'flow_table_hits_total', help: 'Packets whose flow was in the flow table.' },
  flowMissSyn: { ...flowMisses, label: ['packet', 'syn'] },
  flowMissOther: { ...flowMisses, label: ['packet', 'other'] },
  flowStale: {
    name: 'flow_table_stale_total',
    help: 'Packets whose flow was in the flow table with a real that has left the service.',
  },
  flowFallback: {
    name: 'flow_table_fallback_total',
    help: 'Packets on CPUs without their own flow table.',
  },
  flowFlood: {
    name: 'flow_table_flood_total',
    help: 'New flows that were not remembered, because there were too many in a second.',
  },
  globalHit: { name: 'global_flow_hits_total', help: 'Packets whose flow was in the global flow table.' },
  peerHit: {
    name: 'peer_flow_hits_total',
    help: 'Packets of unknown flows that another balancer had sent.',
  },
  udpMigrated: {
    name: 'udp_migrated_packets_total',
    help: 'UDP packets whose flow left a real that is down.',
  },
  sourceRouted: { name: 'source_routed_packets_total', help: 'Packets whose real a source route chose.' },
  emptySlot: { name: 'empty_slot_packets_total', help: 'Packets to a service without reals, dropped.' },
  encapsulationFailed: {
    name: 'encapsulation_failures_total',
    help: 'Packets that could not be put into a tunnel, dropped.',
  },
  local: { name: 'local_packets_total', help: 'Packets that were left to this host, as service or real.' },
  noNeighbour: {
    name: 'unknown_neighbour_packets_total',
    help: 'Packets to a real of direct routing whose MAC address is not known, dropped.',
  },
  lastHop: {
    name: 'last_hop_packets_total',
    help: 'Packets out of a tunnel whose TTL or hop limit was used up, dropped.',
  },
  decapsulated: {
    name: 'decapsulated_packets_total',
    help: 'Packets whose outer headers were removed here.',
  },
  quicId: { ...quic, label: ['id', 'known'] },
  quicInitial: { ...quic, label: ['id', 'initial'] },
  quicWithoutId: { ...quic, label: ['id', 'absent'] },
  quicUnknownId: { ...quic, label: ['id', 'unknown'] },
  quicVersion1: { ...quicVersions, label: ['version', '1'] },
  quicVersion2: { ...quicVersions, label: ['version', '2'] },
  quicVersion3: { ...quicVersions, label: ['version', '3'] },
  serverId: { ...serverId, label: ['id', 'known'] },
  serverWithoutId: { ...serverId, label: ['id', 'absent'] },
  serverUnknownId: { ...serverId, label: ['id', 'unknown'] },
  stableUdp: { ...stableUdp, label: ['id', 'known'] },
  stableUdpWithoutId: { ...stableUdp, label: ['id', 'absent'] },
  stableUdpUnknownId: { ...stableUdp, label: ['id', 'unknown'] },
  icmpSmallMtu: {
    name: 'icmp_small_mtu_total',
    help: 'ICMP "too big" messages for an MTU below 1280 bytes.',
  },
  natCreated: { ...translated, label: ['event', 'created'] },
  natExpired: { ...translated, label: ['event', 'expired'] },
  natYielded: { ...translated, label: ['event', 'yielded'] },
  natExhausted: {
    name: 'nat_exhausted_packets_total',
    help: 'Packets of new translated flows for which no port was free, dropped.',
  },
  natUnknown: {
    name: 'nat_unknown_packets_total',
    help: 'Packets to a translated service that belong to no known flow and begin none; reset or dropped.',
  },
  natLastHop: {
    name: 'nat_last_hop_packets_total',
    help: 'Packets of translated flows that had no hop left, dropped.',
  },
  natNoNextHop: {
    name: 'nat_no_next_hop_packets_total',
    help: 'Packets of translated flows sent to the router, because the host has no route or no neighbour.',
  },
  natReplies: { name: 'nat_replies_total', help: 'Packets from reals to clients of translated services.' },
  natReplyBytes: {
    name: 'nat_reply_bytes_total',
    help: 'Bytes from reals to clients of translated services, without Ethernet headers.',
  },
};

/** A metric, and the counters that give its values. */
export interface CounterFamily {
  readonly name: string;
  readonly help: string;
  readonly label: string | undefined;
  readonly counters: { readonly counter: keyof Counters; readonly value: string }[];
}

export function counterFamilies(): CounterFamily[] {
  const families = new Map<string, CounterFamily>();
  for (const [counter, { name, help, label }] of Object.entries(counterMetrics)) {
    const family = families.get(name) ?? { name, help, label: label?.[0], counters: [] };
    family.counters.push({ counter: counter as keyof Counters, value: label?.[1] ?? '' });
    families.set(name, family);
  }
  return [...families.values()];
}
