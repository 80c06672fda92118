/** Connections of the past as they are shown, and details of their processes, out of records of a history. Pure. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { RowRecord } from '@weir/history/rows';
import type { Connection, ConnectionProcess } from '@weir/tracer';
import type { ProcessDetails } from '@weir/tracer/enrich';
import { unescapeName } from '@weir/tracer/escape';
import type { ServicePort } from '@weir/tracer/filter';
import { escapeText } from '../../text/escape.js';
import type { Enrichment } from '../model/enrichment.js';
import type { ShownConnection } from '../model/shown-connection.js';

/** More connections, names and ports are not remembered. */
const MOST_KNOWN = 262_144;

const detailNames = [
  ...(['executable', 'command_line', 'container_id', 'container_runtime', 'container_name'] as const),
  ...(['pod_uid', 'pod_name', 'pod_namespace', 'unit'] as const),
];

/** Anybody may have made a history: texts that tables show as they are hold nothing that a terminal acts on. */
function plain(text: unknown): string {
  return escapeText(String(text));
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function name(value: unknown): string | undefined {
  return value === undefined ? undefined : unescapeName(String(value));
}

/** Makes connections of records, each the same from moment to moment. It knows what the records say of processes, peers and ports. */
export class PastRecords implements Enrichment {
  readonly #hasDetails: boolean;
  readonly #ids = new BoundedMap<string, number>(MOST_KNOWN);
  #lastId = 0;
  readonly #processes = new BoundedMap<string, ConnectionProcess>(MOST_KNOWN);
  readonly #details = new WeakMap<ConnectionProcess, ProcessDetails>();
  readonly #services = new BoundedMap<string, ServicePort>(MOST_KNOWN);
  readonly #peers = new BoundedMap<string, string>(MOST_KNOWN);

  /** @param hasDetails Whether it names services, and shows more of processes than their ids and names. */
  constructor(hasDetails: boolean) {
    this.#hasDetails = hasDetails;
  }

  process(process: ConnectionProcess): ProcessDetails | undefined {
    return this.#details.get(process);
  }

  service(port: number, transport: 'tcp' | 'udp'): string | undefined {
    return this.#services.get(`${port}/${transport}`)?.name;
  }

  get services(): Iterable<ServicePort> {
    return this.#services.values();
  }

  peerName(address: string): string | undefined {
    return this.#peers.get(address);
  }

  /** The connection of a record. */
  connection(record: RowRecord): ShownConnection {
    const { flow_id, started, state, direction } = record;
    const transport = record.network.transport === 'udp' ? 'udp' : 'tcp';
    const local = { address: plain(record.local.address), port: Number(record.local.port) };
    const peer = { address: plain(record.peer.address), port: Number(record.peer.port) };
    const isUdp = transport === 'udp';
    const connection: ShownConnection = {
      id: this.#idOf(record),
      flow_id: flow_id === undefined ? undefined : plain(flow_id),
      ...{ transport, type: record.network.type === 'ipv6' ? 'ipv6' : 'ipv4', local, peer },
      netns: number(record.netns),
      direction: direction === 'inbound' || direction === 'outbound' ? direction : undefined,
      interface_index: number(record.interface_index) ?? 0,
      interface: name(record.interface),
      state: state === undefined ? undefined : (plain(state) as Connection['state']),
      process: this.#processOf(record),
      cgroup_id: number(record.cgroup_id),
      inode: 0,
      started_ns: started === undefined ? undefined : Date.parse(started) * 1e6,
      active_ns: undefined,
      ...{ bytes_sent: number(record.bytes_sent), bytes_received: number(record.bytes_received) },
      packets_sent: number(isUdp ? record.datagrams_sent : record.segments_sent),
      packets_received: number(isUdp ? record.datagrams_received : record.segments_received),
      ...{ send_rate: number(record.send_rate), receive_rate: number(record.receive_rate) },
      retransmits: isUdp ? 0 : number(record.retransmits),
      srtt_us: number(record.srtt_us),
    };
    if (this.#hasDetails) this.#learnNames(record, connection);
    return connection;
  }

  #idOf({ host, flow_id, netns, network, local, peer }: RowRecord): number {
    const key = `${host} ${flow_id ?? JSON.stringify([netns, network.transport, local, peer.address, peer.port])}`;
    const id = this.#ids.get(key) ?? ++this.#lastId;
    // What was shown last is forgotten last.
    this.#ids.set(key, id);
    return id;
  }

  #processOf({ host, process }: RowRecord): ConnectionProcess | undefined {
    const pid = number(process?.pid);
    if (process === undefined || pid === undefined) return undefined;
    const key = JSON.stringify([host, process]);
    let known = this.#processes.get(key);
    if (known === undefined) {
      const comm = name(process.comm);
      const uid = number(process.uid);
      known = { pid, ...(comm !== undefined && { comm }), ...(uid !== undefined && { uid }) };
      if (this.#hasDetails) {
        const details = detailNames.flatMap((each) =>
          process[each] === undefined ? [] : [[each, name(process[each])]],
        );
        this.#details.set(known, Object.fromEntries(details) as ProcessDetails);
      }
    }
    this.#processes.set(key, known);
    return known;
  }

  #learnNames(record: RowRecord, { direction, local, peer, transport }: ShownConnection): void {
    const peerName = name(record.peer.name);
    if (peerName !== undefined) this.#peers.set(peer.address, escapeText(peerName));
    if (record.service === undefined || direction === undefined) return;
    const { port } = direction === 'inbound' ? local : peer;
    this.#services.set(`${port}/${transport}`, { name: plain(record.service), port, transport });
  }
}
