/** Connections summed up by process or by peer. */
import type { Connection, ConnectionProcess, Endpoint } from '@weir/tracer';
import { isOfLink } from '../../text/endpoint.js';
import type { EndedSum } from './ended.js';
import type { Enrichment } from './enrichment.js';
import { processKey } from './process-key.js';
import { type ShownConnection, sumOf } from './shown-connection.js';

export interface Group {
  /** Live connections and flows. */
  connections: number;
  /** Ended connections, as far as they are remembered. */
  ended: number | undefined;
  /** undefined where the figure of one connection is not known. */
  bytes_sent: number | undefined;
  bytes_received: number | undefined;
  send_rate: number | undefined;
  receive_rate: number | undefined;
  retransmits: number | undefined;
}

export interface ProcessGroup extends Group {
  /** undefined for connections whose process is not known. */
  readonly process: ConnectionProcess | undefined;
  readonly peers: Set<string>;
}

export interface PeerGroup extends Group {
  readonly address: string;
  /** The interface, where the address means something on one link only. */
  readonly interface: string | undefined;
  readonly pids: Set<number>;
  /** The process of one of its connections. */
  process: ConnectionProcess | undefined;
  /** The least of its connections: that of the way, without what queues on it. Microseconds. */
  srtt_us: number | undefined;
  /** Service ports, with the transport that the last one was seen with. */
  readonly ports: Map<number, 'tcp' | 'udp'>;
}

/** More are not shown anyway. */
const MAX_PORTS = 8;

export function byProcess(
  live: readonly ShownConnection[],
  ended: readonly EndedSum[] | undefined,
): ProcessGroup[] {
  const groups = new Map<string, ProcessGroup>();
  for (const { item, count } of both(live, ended ?? [])) {
    const key = processKey(item.process);
    let group = groups.get(key);
    if (group === undefined) {
      group = { process: item.process, peers: new Set(), ...newGroup(ended) };
      groups.set(key, group);
    }
    add(group, item, count);
    group.peers.add(item.peer.address);
  }
  return [...groups.values()];
}

export function byPeer(
  live: readonly ShownConnection[],
  ended: readonly EndedSum[] | undefined,
): PeerGroup[] {
  const groups = new Map<string, PeerGroup>();
  for (const { item, count } of both(live, ended ?? [])) {
    const { address } = item.peer;
    const link = isOfLink(address) ? item.interface : undefined;
    const key = `${address} ${link ?? ''}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = {
        address,
        interface: link,
        process: item.process,
        pids: new Set(),
        srtt_us: undefined,
        ports: new Map(),
        ...newGroup(ended),
      };
      groups.set(key, group);
    }
    add(group, item, count);
    group.process ??= item.process;
    if (item.process !== undefined) group.pids.add(item.process.pid);
    const { srtt_us } = item as Partial<ShownConnection>;
    if (srtt_us !== undefined) group.srtt_us = Math.min(srtt_us, group.srtt_us ?? srtt_us);
    if (group.ports.size < MAX_PORTS) group.ports.set(servicePort(item), item.transport);
  }
  return [...groups.values()];
}

/** The port that the service waits at, if the direction shows which; else the lower one. */
export function servicePort({
  direction,
  local,
  peer,
}: Pick<Connection, 'direction' | 'local' | 'peer'>): number {
  if (direction === 'inbound') return local.port;
  return direction === 'outbound' ? peer.port : Math.min(local.port, peer.port);
}

/** Name of the service's port; where the direction does not show which end serves, of the port that has a name. */
export function serviceName(
  { direction, local, peer, transport }: Pick<Connection, 'direction' | 'local' | 'peer' | 'transport'>,
  enrichment: Enrichment,
): string | undefined {
  const nameOf = ({ port }: Endpoint) => enrichment.service(port, transport);
  if (direction === 'outbound') return nameOf(peer);
  return direction === 'inbound' ? nameOf(local) : (nameOf(local) ?? nameOf(peer));
}

type Item = ShownConnection | EndedSum;

function* both(
  live: readonly ShownConnection[],
  ended: readonly EndedSum[],
): Generator<{ readonly item: Item; readonly count: number }> {
  for (const item of live) yield { item, count: 0 };
  for (const item of ended) yield { item, count: item.count };
}

/** @param ended undefined where it is not known what has ended. */
function newGroup(ended: readonly EndedSum[] | undefined): Group {
  return {
    ...{ connections: 0, ended: ended && 0, bytes_sent: 0, bytes_received: 0 },
    ...{ send_rate: 0, receive_rate: 0, retransmits: 0 },
  };
}

/** @param ended How many ended connections the item stands for; 0: a live one. */
function add(group: Group, item: Item, ended: number): void {
  if (ended === 0) group.connections++;
  group.ended = sumOf(group.ended, ended);
  group.bytes_sent = sumOf(group.bytes_sent, item.bytes_sent);
  group.bytes_received = sumOf(group.bytes_received, item.bytes_received);
  group.send_rate = sumOf(group.send_rate, item.send_rate);
  group.receive_rate = sumOf(group.receive_rate, item.receive_rate);
  group.retransmits = sumOf(group.retransmits, item.retransmits);
}
