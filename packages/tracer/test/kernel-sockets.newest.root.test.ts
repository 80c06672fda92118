/**
 * Connections of the kernel's own: file systems, block devices, servers in the kernel. No process has their sockets as descriptors, and
 * workers, which serve anybody, open and close many of them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LiveConnections, type SocketRecord, type TraceRecord, Tracer } from '../src/index.js';
import { collect } from './support/collect.js';
import { KernelClient, SilentServer } from './support/kernel-client.js';
import { callKsmbd, callNfsd, NvmeTarget } from './support/kernel-server.js';
import { requireModules } from './support/modules.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const SOL_TCP = 6;
const TCP_ULP = 31;
const SOL_TLS = 282;
const TLS_TX = 1;
const TLS_RX = 2;
/** struct tls12_crypto_info_aes_gcm_128: TLS 1.2, its cipher 51, and a key of zeros. */
const sessionKey = [3, 3, 51, 0, ...new Array<number>(36).fill(0)];

const DEADLINE_MS = 20_000;
const none = { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 };

/** One of each kind: port, and what the helper is given. */
const kinds = {
  nfs: [
    2050,
    'mount nfs 127.0.0.1:/share addr=127.0.0.1,vers=3,proto=tcp,port=2050,mountproto=tcp,mountport=2050,mountvers=3,nolock',
  ],
  cifs: [
    1445,
    'mount cifs //127.0.0.1/share ip=127.0.0.1,port=1445,unc=\\\\127.0.0.1\\share,user=a,pass=b,vers=3.0',
  ],
  nbd: [10809, 'nbd /dev/nbd0 10809'],
  iscsi: [3260, 'iscsi 3260'],
} as const;

type Kind = keyof typeof kinds;

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + DEADLINE_MS; !(await isSo()); await sleep(50))
    assert.ok(performance.now() < deadline, what);
}

/** The outgoing ends of live connections to a port: state, process, bytes. */
async function outgoing(live: LiveConnections, port: number): Promise<string[]> {
  await live.refresh();
  return [...live]
    .filter(({ peer, direction }) => peer.port === port && direction === 'outbound')
    .map((row) => `${row.state} ${row.process?.comm} ${row.bytes_sent} ${row.bytes_received}`);
}

/** Records of the ends that connected to a port: event, pid, bytes, who closed, what the filter is. */
function reported(records: readonly TraceRecord[], port: number): string[] {
  return records.flatMap((record) => {
    if (!('flow_id' in record) || record.event === 'udp_flow' || record.peer.port !== port) return [];
    const close =
      record.event === 'close'
        ? ` ${record.bytes_sent} ${record.bytes_received} ${record.closed_by} ${record.filter}`
        : '';
    return [`${record.event} ${record.process?.pid}${close}`];
  });
}

const isEnded = (records: readonly TraceRecord[], count: number) =>
  records.filter(({ event }) => event === 'close').length === count;

describe('clients in the kernel', () => {
  for (const [kind, modules] of [
    ['nfs', ['nfsv3']],
    ['cifs', ['cifs']],
    ['nbd', ['nbd']],
    ['iscsi', ['iscsi_tcp']],
  ] as const satisfies readonly (readonly [Kind, readonly string[]])[])
    it(`of ${kind}, before the start and after it`, async (t) => {
      if (!requireModules(t, ...modules)) return;
      const [port, command] = kinds[kind];
      using netns = new TestNetns();
      using server = new SilentServer(netns, port);
      const start = () => {
        const client = new KernelClient(netns, ...command.split(' '));
        server.accept();
        return client;
      };
      using older = start();
      // What is sent first has to be there: the rest of the test is about nothing that changes.
      if (kind !== 'nbd') await until('a request', () => server.received > 0);
      const filter = { netns: [netns.inode] };
      await using narrow = Tracer.start({ filter: { ...filter, comms: [KernelClient.comm] } });
      const narrowed: TraceRecord[] = [];
      narrow.on('record', (record) => narrowed.push(record));
      await using tracer = Tracer.start({ filter });
      const records: TraceRecord[] = [];
      tracer.on('record', (record) => records.push(record));
      using live = tracer.connections({ udp: false });
      assert.deepEqual(await outgoing(live, port), [`established undefined ${server.received} 0`]);
      const first = server.received;
      await older.kill();
      server.close();
      await until('the end of the older', () => isEnded(records, 2) && isEnded(narrowed, 1));

      using newer = start();
      if (kind !== 'nbd') await until('a request', () => server.received > 0);
      const isWorkers = kind === 'nfs';
      const name = isWorkers ? undefined : KernelClient.comm;
      assert.deepEqual(await outgoing(live, port), [`established ${name} ${server.received} 0`]);
      const second = server.received;
      await newer.kill();
      server.close();
      await until('the end of the newer', () => isEnded(records, 4));
      await tracer.stop();
      await narrow.stop();

      const pid = isWorkers ? undefined : newer.pid;
      // A block device closes its socket in the process that had it served, which its filter passes.
      const closesItself = kind === 'nbd' || kind === 'iscsi';
      const [closer, decided] = closesItself ? [older.pid, undefined] : [undefined, 'undecided'];
      assert.deepEqual(reported(records, port), [
        `close ${closer} ${first} 0 local undefined`,
        `connect ${pid}`,
        `close ${pid} ${second} 0 local undefined`,
      ]);
      assert.deepEqual(reported(narrowed, port), [
        `close ${closer} ${first} 0 local ${decided}`,
        ...(isWorkers ? [] : [`connect ${pid}`, `close ${pid} ${second} 0 local undefined`]),
      ]);
      assert.deepEqual(tracer.stats().lost, none);
    });
});

describe('servers in the kernel', () => {
  it('whose workers accept have no process', async (t) => {
    if (!requireModules(t, 'nvme_tcp', 'nvmet_tcp')) return;
    using netns = new TestNetns();
    await using target = await NvmeTarget.start(netns, 4420);
    const { records, stats, result } = await collect({ filter: { netns: [netns.inode] } }, async (tracer) => {
      using live = tracer.connections({ udp: false });
      const disconnect = target.connect();
      await live.refresh();
      const open = [...live].map((row) => `${row.direction} ${row.process?.pid} ${row.bytes_sent !== 0}`);
      disconnect();
      await until('the end', async () => {
        await live.refresh();
        return live.size === 0;
      });
      return open.sort();
    });
    const both = <T>(one: T) => [one, one];
    assert.deepEqual(result, [...both('inbound undefined true'), ...both(`outbound ${process.pid} true`)]);
    const pids = (wanted: string) =>
      records.flatMap((record) => (record.event === wanted ? [(record as SocketRecord).process?.pid] : []));
    assert.deepEqual(pids('connect'), both(process.pid));
    assert.deepEqual(pids('accept'), both(undefined));
    const ends = (wanted: string) =>
      records.filter((record) => record.event === 'close').filter(({ direction }) => direction === wanted);
    assert.deepEqual(
      ends('inbound')
        .map((end) => `${end.process?.pid} ${end.bytes_received} ${end.bytes_sent}`)
        .sort(),
      ends('outbound')
        .map((end) => `undefined ${end.bytes_sent} ${end.bytes_received}`)
        .sort(),
    );
    for (const end of ends('outbound')) assert.equal(end.process?.pid, process.pid);
    assert.deepEqual(stats.lost, none);
  });

  // The thread of ksmbd that closes is another than the one that accepts: the latter is the owner, who is named where the kernel closes.
  for (const [module, port, call, thread] of [
    ['nfsd', 2049, callNfsd, 'nfsd'],
    ['ksmbd', 4450, callKsmbd, 'ksmbd-lo'],
  ] as const)
    it(`that have threads of their own are named by these: ${module}`, async (t) => {
      if (!requireModules(t, module)) return;
      const filter = { localPorts: [{ from: port, to: port }] };
      const { records, stats, result } = await collect({ filter }, () => call(port));
      const described = records.map((record) => {
        const { process } = record as SocketRecord;
        return `${record.event} ${process?.comm}${record.event === 'close' ? ` ${record.bytes_sent} ${record.bytes_received}` : ''}`;
      });
      const { sent, received } = result;
      assert.deepEqual(described, [`accept ${thread}`, `close ${thread} ${received} ${sent}`]);
      assert.deepEqual(stats.lost, none);
    });
});

it('TLS in the kernel counts with its records', async (t) => {
  if (!requireModules(t, 'tls')) return;
  const PORT = 7443;
  const filter = { ports: [{ from: PORT, to: PORT }] };
  const { records } = await collect({ filter }, async () => {
    using listener = RawSocket.tcp().bind('127.0.0.1', PORT).listen();
    using client = RawSocket.tcp().connect('127.0.0.1', PORT);
    using server = listener.accept();
    for (const socket of [client, server]) socket.setOption(SOL_TCP, TCP_ULP, [...Buffer.from('tls\0')]);
    client.setOption(SOL_TLS, TLS_TX, sessionKey);
    server.setOption(SOL_TLS, TLS_RX, sessionKey);
    assert.equal(client.send(1000), 1000);
    assert.equal(server.receive(2000), 1000);
  });
  const bytes = records.flatMap((record) =>
    record.event === 'close' ? [`${record.direction} ${record.bytes_sent} ${record.bytes_received}`] : [],
  );
  // Header, explicit nonce and tag of one record.
  const total = 1000 + 5 + 8 + 16;
  assert.deepEqual(bytes.sort(), [`inbound 0 ${total}`, `outbound ${total} 0`]);
});
