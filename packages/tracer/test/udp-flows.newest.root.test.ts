/** UDP flows in a tracer's stream. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf';
import { type TraceRecord, Tracer, type TracerOptions, type UdpFlowRecord } from '../src/index.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const DEADLINE_MS = 30_000;

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
  assert.deepEqual(lost, { ring: 0, map: 0, probe: 0, udp: 0 });
  const times = records.map((record) => record.monotonic_ns);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  return records;
}

const flowsOf = (records: readonly TraceRecord[]) =>
  records.filter((record): record is UdpFlowRecord => record.event === 'udp_flow');

describe('UDP flows in the stream', () => {
  it('are told when a socket is closed, and at the end those that were closed before it', async () => {
    using netns = new TestNetns();
    const records = await traced({ udp: true, filter: { netns: [netns.inode] } }, async (flows) => {
      close(exchange(netns));
      await flows(2);
      close(exchange(netns, '::1'));
    });
    const told = flowsOf(records);
    assert.deepEqual(
      told
        .map(({ network, direction, bytes_sent, bytes_received, datagrams_sent, datagrams_received }) =>
          [network.type, direction, bytes_sent, bytes_received, datagrams_sent, datagrams_received].join(' '),
        )
        .sort(),
      ['ipv4', 'ipv6'].flatMap((type) => [`${type} inbound 7 100 1 1`, `${type} outbound 100 7 1 1`]),
    );
    for (const { process: { pid } = {}, closed_by, idle_us, duration_us, netns: inode } of told) {
      assert.deepEqual([pid, closed_by, inode], [process.pid, 'local', netns.inode]);
      assert.ok(duration_us > 0 && idle_us >= 0);
    }
  });

  it('are told when they are idle, among connections and in order', async () => {
    using netns = new TestNetns();
    const options = { udp: { idleMs: 200 }, filter: { netns: [netns.inode] } };
    const records = await traced(options, async (flows) => {
      const sockets = exchange(netns);
      await runLoad(netns, 'pairs', '--count', '20');
      await flows(2);
      close(sockets);
    });
    assert.equal(records.length, 82);
    for (const { closed_by, idle_us } of flowsOf(records)) {
      assert.equal(closed_by, 'idle');
      assert.ok(idle_us >= 200_000);
    }
  });

  it('pass the filters, IPv6 off and TCP off', async () => {
    using netns = new TestNetns();
    const filter = { netns: [netns.inode], direction: 'outbound' as const, pids: [process.pid] };
    const records = await traced({ udp: true, tcp: false, ipv6: false, filter }, async (flows) => {
      close(exchange(netns, '::1'));
      await runLoad(netns, 'pairs', '--count', '5');
      close(exchange(netns));
      await flows(1);
    });
    assert.deepEqual(
      records.map((record) => [record.event, 'bytes_sent' in record && record.bytes_sent]),
      [['udp_flow', 100]],
    );
  });

  it('are not counted where nobody wants them, nor is TCP hooked where only they are wanted', () => {
    using tcp = Tracer.start({ udp: true, filter: { events: ['close'] } });
    assert.equal(
      tcp.plan.some(({ purpose }) => purpose === 'UDP'),
      false,
    );
    using udp = Tracer.start({ udp: true, filter: { events: ['udp_flow'] } });
    assert.equal(
      udp.plan.some(({ purpose }) => purpose === 'UDP'),
      true,
    );
    assert.throws(() => Tracer.start({ udp: { idleMs: 0 } }), RangeError);
  });

  it('IPv6 off concerns TCP, too', async () => {
    using netns = new TestNetns();
    const records = await traced({ ipv6: false, filter: { netns: [netns.inode] } }, async () => {
      await runLoad(netns, 'pairs', '--count', '5');
      await runLoad(netns, 'pairs', '--count', '5', '--family', '6');
    });
    assert.equal(records.length, 20);
    assert.ok(records.every((record) => 'network' in record && record.network.type === 'ipv4'));
  });

  it('datagrams that the table has no room for are counted, and told', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start({ udp: true, maxConnections: 1, filter: { netns: [netns.inode] } });
    const records: TraceRecord[] = [];
    const reading = (async () => {
      for await (const record of tracer) records.push(record);
    })();
    const sockets = Array.from({ length: 4 }, () => exchange(netns));
    sockets.forEach(close);
    await tracer.stop();
    await reading;
    const { lost } = tracer.stats();
    assert.ok(lost.udp > 0);
    const told = records.filter((record) => record.event === 'lost' && record.where === 'udp');
    assert.deepEqual(
      told.map((record) => record.event === 'lost' && record.count),
      [lost.udp],
    );
  });
});
