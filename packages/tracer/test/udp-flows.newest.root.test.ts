/** UDP flows in a tracer's stream. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import { type TraceRecord, Tracer, type TracerOptions, type UdpFlowRecord } from '../src/index.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';
import { mechanisms, tellsNetns } from './support/udp.js';

const DEADLINE_MS = 30_000;
/** Flows without a known network namespace pass no filter for one; such kernels are in guests, which have no other UDP. */
const toldNetns = tellsNetns(mechanisms[0]!);
const only = (netns: TestNetns) => (toldNetns ? { netns: [netns.inode] } : {});

/** Two sockets that have exchanged datagrams of 100 and 7 bytes. */
function exchange(netns: TestNetns, address = '127.0.0.1'): { client: RawSocket; server: RawSocket } {
  return withNetns(`/run/netns/${netns.name}`, () => {
    const server = RawSocket.udp(address.includes(':')).bind(address);
    const client = RawSocket.udp(address.includes(':')).bind(address).connect(address, server.port);
    client.send(100);
    assert.equal(server.receive(1000), 100);
    server.send(7, 0, { address, port: client.port });
    assert.equal(client.receive(1000), 7);
    return { client, server };
  });
}

function close({ client, server }: { client: RawSocket; server: RawSocket }): void {
  client[Symbol.dispose]();
  server[Symbol.dispose]();
}

/** All records while `body` runs; `flows` waits for so many. */
async function traced(
  options: TracerOptions,
  body: (flows: (count: number) => Promise<void>) => Promise<void>,
): Promise<readonly TraceRecord[]> {
  await using tracer = Tracer.start(options);
  const records: TraceRecord[] = [];
  const reading = (async () => {
    for await (const batch of tracer.batches()) records.push(...batch);
  })();
  await body(async (count) => {
    for (const deadline = Date.now() + DEADLINE_MS; ; await sleep(20)) {
      if (records.filter(({ event }) => event === 'udp_flow').length >= count) return;
      assert.ok(Date.now() < deadline, JSON.stringify(records));
    }
  });
  await tracer.stop();
  await reading;
  const { delivered, produced, lost } = tracer.stats();
  assert.deepEqual(delivered, produced);
  assert.deepEqual(lost, { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 });
  const times = records.map((record) => record.monotonic_ns);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  return records;
}

const flowsOf = (records: readonly TraceRecord[]) =>
  records.filter((record): record is UdpFlowRecord => record.event === 'udp_flow');

const show = ({ network, direction, bytes_sent, bytes_received, closed_by, ...flow }: UdpFlowRecord) => [
  network.type,
  direction,
  bytes_sent,
  bytes_received,
  flow.datagrams_sent,
  flow.datagrams_received,
  closed_by,
];

describe('UDP flows in the stream', () => {
  it('are emitted when they are idle or closed, in order among connections, and at the end', async () => {
    using netns = new TestNetns();
    const options = { udp: { idleMs: 1000 }, filter: only(netns) };
    const records = await traced(options, async (flows) => {
      const idle = exchange(netns);
      await runLoad(netns, 'pairs', '--count', '20');
      await flows(2);
      close(idle);
      close(exchange(netns, '::1'));
    });
    const reported = flowsOf(records);
    assert.deepEqual(reported.map((flow) => show(flow).join(' ')).sort(), [
      'ipv4 inbound 7 100 1 1 idle',
      'ipv4 outbound 100 7 1 1 idle',
      'ipv6 inbound 7 100 1 1 local',
      'ipv6 outbound 100 7 1 1 local',
    ]);
    assert.equal(records.length, 80 + reported.length);
    for (const { process: { pid } = {}, closed_by, idle_us, duration_us, netns: inode } of reported) {
      assert.deepEqual([pid, inode], [process.pid, toldNetns ? netns.inode : undefined]);
      assert.ok(duration_us > 0 && idle_us >= (closed_by === 'idle' ? 1e6 : 0));
    }
  });

  it('pass filters, and the option ipv6: false, as connections do', async () => {
    using netns = new TestNetns();
    const filter = { ...only(netns), direction: 'outbound' as const, addresses: ['127.0.0.0/8'] };
    const records = await traced({ udp: true, ipv6: false, filter }, async () => {
      for (const [address, family] of [
        ['::1', '6'],
        ['127.0.0.1', '4'],
      ] as const) {
        close(exchange(netns, address));
        await runLoad(netns, 'pairs', '--count', '1', '--family', family);
      }
    });
    assert.deepEqual(records.map(({ event }) => event).sort(), ['close', 'connect', 'udp_flow']);
    for (const record of records) {
      assert.ok(record.event !== 'lost' && record.event !== 'fd_install');
      assert.deepEqual([record.network.type, record.direction], ['ipv4', 'outbound']);
    }
  });

  it('beyond the room of the table are counted by datagrams and reported, and TCP is not hooked for UDP alone', async () => {
    using netns = new TestNetns();
    const filter = { ...only(netns), events: ['udp_flow'] as const };
    await using tracer = Tracer.start({ udp: true, maxConnections: 1, filter });
    const records: TraceRecord[] = [];
    const reading = (async () => {
      for await (const record of tracer) records.push(record);
    })();
    const sockets = Array.from({ length: 4 }, () => exchange(netns));
    await runLoad(netns, 'pairs', '--count', '1');
    sockets.forEach(close);
    await tracer.stop();
    await reading;
    const { lost } = tracer.stats();
    assert.ok(lost.udp > 0);
    assert.ok(records.every(({ event }) => event === 'udp_flow' || event === 'lost'));
    const reported = records.filter((record) => record.event === 'lost' && record.where === 'udp');
    assert.deepEqual(
      reported.map((record) => record.event === 'lost' && record.count),
      [lost.udp],
    );
  });
});
