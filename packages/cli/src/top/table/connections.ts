/** The first view: every live connection and flow. */
import { formatEndpoint, formatLocal, formatPeer } from '../../text/endpoint.js';
import { serviceName } from '../model/groups.js';
import { type ShownConnection, sumOf } from '../model/shown-connection.js';
import { type Column, numbers, unseen, words } from './column.js';
import { type Context, containerName, processName } from './context.js';
import { age, amount, bytesWidth, count, rate, roundTrip, UNKNOWN } from './figures.js';

const arrows = { outbound: '→', inbound: '←' } as const;

export function connectionColumns(context: Context): Column<ShownConnection>[] {
  const { enrichment, nowNs } = context;
  const service = (connection: ShownConnection) => serviceName(connection, enrichment) ?? '';
  const peer = (row: ShownConnection) => {
    const { address, port } = row.peer;
    const name = enrichment.peerName(address);
    return name === undefined ? formatPeer(row.peer, row.interface) : formatEndpoint({ address: name, port });
  };
  return [
    words('PROTO', 5, 5, { id: 'proto', rank: 8, value: protocol, text: protocol }),
    numbers('PID', 7, { id: 'pid', rank: 3, descending: false, value: (row) => row.process?.pid, text: pid }),
    words('PROCESS', 8, 15, {
      ...{ id: 'process', rank: 0 },
      value: (row) => row.process?.comm,
      text: (row) => processName(row.process, context),
    }),
    words('LOCAL', 21, 47, {
      ...{ id: 'local', rank: 5, isEndpoint: true },
      value: ({ local }) => sortableEndpoint(local),
      text: (row) => formatLocal(row.local, row.interface),
    }),
    words('', 1, 1, {
      ...{ id: 'direction', rank: 4 },
      value: ({ direction }) => direction,
      text: ({ direction }) => (direction === undefined ? '-' : arrows[direction]),
    }),
    words('PEER', 21, 47, {
      ...{ id: 'peer', rank: 1, isEndpoint: true },
      value: (row) => sortableEndpoint(row.peer),
      text: peer,
    }),
    words('SERVICE', 8, 14, { id: 'service', rank: 11, value: service, text: service }),
    words('STATE', 11, 11, {
      ...{ id: 'state', rank: 6 },
      value: ({ state }) => state,
      text: ({ state }) => state ?? '',
    }),
    numbers('AGE', 6, {
      ...{ id: 'age', rank: 9 },
      value: ({ started_ns }) => (started_ns === undefined ? undefined : nowNs - started_ns),
      text: ({ started_ns }) => age(started_ns === undefined ? undefined : nowNs - started_ns),
    }),
    ...trafficColumns<ShownConnection>(),
    numbers('RTT', 8, {
      ...{ id: 'rtt', rank: 10 },
      value: ({ srtt_us }) => srtt_us,
      text: ({ srtt_us }) => roundTrip(srtt_us),
    }),
    words('CONTAINER', 12, 24, {
      ...{ id: 'container', rank: 12 },
      value: (row) => containerName(row.process, context) || undefined,
      text: (row) => containerName(row.process, context),
    }),
    numbers('NETNS', 10, {
      ...{ id: 'netns', rank: 13, descending: false },
      value: ({ netns }) => netns,
      text: ({ netns }) => String(netns ?? UNKNOWN),
    }),
  ];
}

type Traffic = Pick<
  ShownConnection,
  'bytes_sent' | 'bytes_received' | 'send_rate' | 'receive_rate' | 'retransmits'
>;

/** Columns that single connections and sums share. `rate` is both ways, and tables are sorted by it at first. */
export function trafficColumns<Row extends Traffic>(): Column<Row>[] {
  return [
    numbers('SEND/s', bytesWidth, {
      ...{ id: 'send-rate', rank: 2 },
      value: ({ send_rate }) => send_rate,
      text: ({ send_rate }) => rate(send_rate),
    }),
    numbers('RECV/s', bytesWidth, {
      ...{ id: 'recv-rate', rank: 2 },
      value: ({ receive_rate }) => receive_rate,
      text: ({ receive_rate }) => rate(receive_rate),
    }),
    numbers('SENT', bytesWidth, {
      ...{ id: 'sent', rank: 7 },
      value: ({ bytes_sent }) => bytes_sent,
      text: ({ bytes_sent }) => amount(bytes_sent),
    }),
    numbers('RECV', bytesWidth, {
      ...{ id: 'recv', rank: 7 },
      value: ({ bytes_received }) => bytes_received,
      text: ({ bytes_received }) => amount(bytes_received),
    }),
    numbers('RETR', 5, {
      ...{ id: 'retrans', rank: 10 },
      value: ({ retransmits }) => retransmits,
      text: ({ retransmits }) => count(retransmits),
    }),
    unseen('rate', ({ send_rate, receive_rate }) => sumOf(send_rate, receive_rate)),
    unseen('bytes', ({ bytes_sent, bytes_received }) => sumOf(bytes_sent, bytes_received)),
  ];
}

export function protocol({ transport, type }: Pick<ShownConnection, 'transport' | 'type'>): string {
  return type === 'ipv6' ? `${transport}6` : transport;
}

function pid({ process }: ShownConnection): string {
  return process === undefined ? '-' : String(process.pid);
}

/** By address first; digits of equal length sort as numbers do. */
export function sortableEndpoint({
  address,
  port,
}: {
  readonly address: string;
  readonly port: number;
}): string {
  return `${sortableAddress(address)} ${String(port).padStart(5, '0')}`;
}

/** IPv4 before IPv6, by number; IPv6 as it is written. */
export function sortableAddress(address: string): string {
  if (address.includes(':')) return `6 ${address}`;
  return `4 ${address
    .split('.')
    .map((part) => part.padStart(3, '0'))
    .join('.')}`;
}
