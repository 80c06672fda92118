/** Live connections without a kernel. */
import type {
  Connection,
  EndedConnection,
  LiveConnections,
  LiveLosses,
  OpenSocket,
  Totals,
} from '@weir/tracer';
import type { Enrichment } from '../../src/top/model/enrichment.js';

export const second = 1_000_000_000;

export const noLosses: LiveLosses = { ring: 0, map: 0, probe: 0, missed: 0, datagrams: 0 };

export const noTotals: Totals = {
  ...{ connected: 0, accepted: 0, failed: 0, ended: 0, vanished: 0 },
  ...{ bytes_sent: 0, bytes_received: 0, retransmits: 0, send_rate: 0, receive_rate: 0 },
  ...{ overflow: 0, untracked: 0 },
};

export type MutableConnection = { -readonly [K in keyof Connection]: Connection[K] };

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function end(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { address: text.slice(0, colon).replace(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) };
}

let ids = 0;

/** An outbound TCP connection of nothing in particular, but for what is given. */
export function connection(
  local: string,
  peer: string,
  parts: Partial<MutableConnection> = {},
): MutableConnection {
  const [localEnd, peerEnd] = [end(local), end(peer)];
  return {
    ...{ id: ++ids, flow_id: undefined, transport: 'tcp', netns: 4026531840 },
    ...{ type: localEnd.address.includes(':') ? 'ipv6' : 'ipv4', local: localEnd, peer: peerEnd },
    ...{ direction: 'outbound', interface_index: 0, interface: undefined },
    ...{ state: parts.transport === 'udp' ? undefined : 'established' },
    ...{ process: { pid: 4242, comm: 'curl', uid: 1000 }, cgroup_id: undefined, inode: 1 },
    ...{ started_ns: 0, active_ns: 0, bytes_sent: 0, bytes_received: 0, packets_sent: 0 },
    ...{ packets_received: 0, send_rate: 0, receive_rate: 0, retransmits: 0, srtt_us: undefined },
    ...parts,
  };
}

export function openSocket(local: string, parts: Partial<OpenSocket> = {}): OpenSocket {
  const localEnd = end(local);
  return {
    ...{ transport: 'tcp', type: localEnd.address.includes(':') ? 'ipv6' : 'ipv4', netns: 4026531840 },
    ...{
      cookie: ++ids,
      local: localEnd,
      peer: undefined,
      interface: undefined,
      inode: 2,
      uid: 0,
      waiting: 0,
      backlog: 128,
    },
    process: { pid: 7, comm: 'nginx', uid: 0 },
    ...parts,
  };
}

export class FakeLive implements LiveConnections {
  connections: Connection[] = [];
  openSockets: OpenSocket[] = [];
  ended: EndedConnection[] = [];
  totals: Totals = noTotals;
  lost: LiveLosses = noLosses;
  failures: LiveConnections['failures'] = [];
  problems: LiveConnections['problems'] = [];
  refreshes = 0;
  disposed = false;
  /** Thrown by the next refresh. */
  error: Error | undefined;

  get size(): number {
    return this.connections.length;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.connections[Symbol.iterator]();
  }

  takeEnded(): ReturnType<LiveConnections['takeEnded']> {
    return { ended: this.ended.splice(0), dropped: 0 };
  }

  async refresh(): Promise<void> {
    this.refreshes++;
    if (this.error) throw this.error;
  }

  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

const details = new Map<number, ReturnType<Enrichment['process']>>([
  [
    7,
    {
      executable: '/usr/sbin/nginx',
      command_line: 'nginx: master process',
      unit: 'nginx.service',
    },
  ],
  [
    4242,
    {
      executable: '/usr/bin/curl',
      command_line: 'curl https://example.com/a b',
      container_id: 'c0ffee'.padEnd(64, '0'),
      container_runtime: 'docker',
      container_name: 'shop_web_1',
      pod_uid: '12345678-1234-1234-1234-123456789abc',
      pod_name: 'web0',
      pod_namespace: 'shop',
    },
  ],
]);

const services: Readonly<Record<string, string>> = {
  '443/tcp': 'https',
  '80/tcp': 'http',
  '53/udp': 'domain',
};

export const fakeEnrichment: Enrichment = {
  process: ({ pid }) => details.get(pid),
  service: (port, transport) => services[`${port}/${transport}`],
  services: Object.entries(services).map(([key, name]) => {
    const [port, transport] = key.split('/');
    return { name, port: Number(port), transport: transport === 'udp' ? 'udp' : 'tcp' };
  }),
  peerName: (address) => (address === '198.51.100.7' ? 'seven.example.com' : undefined),
};
