/** Live connections of a running tracer, against real sockets. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { features, OptionError } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import {
  type Connection,
  type LiveConnections,
  plainConnection,
  type TraceRecord,
  Tracer,
  type TracerOptions,
} from '../src/index.js';
import { Load, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const [SENT, REPLIED, COUNT] = [77, 1234, 50];
const DEADLINE_MS = 30_000;

const hold = (netns: TestNetns) =>
  Load.prepare(netns, 'hold', '--count', `${COUNT}`, '--send', `${SENT}`, '--reply', `${REPLIED}`);
const inside = (netns: TestNetns, more: TracerOptions = {}): TracerOptions => ({
  ...more,
  filter: { netns: [netns.inode] },
});
const ends = ({ local, peer }: Pick<Connection, 'local' | 'peer'>) => `${local.port} ${peer.port}`;
const figures = ({ process, direction, state, bytes_sent, bytes_received }: Connection) => [
  process?.pid,
  direction,
  state,
  bytes_sent,
  bytes_received,
];

/** Refreshes until what is asked for has come. */
async function refreshUntil(live: LiveConnections, isThere: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + DEADLINE_MS; ; await sleep(20)) {
    await live.refresh();
    if (isThere()) return;
    assert.ok(Date.now() < deadline, what);
  }
}

/** A connected pair of sockets of this process, in a network namespace. */
function pair(netns: TestNetns, clientPort = 0, ipv6 = false): { client: RawSocket; server: RawSocket } {
  return withNetns(`/run/netns/${netns.name}`, () => {
    const address = ipv6 ? '::1' : '127.0.0.1';
    using listener = RawSocket.tcp(ipv6).setOption(1, 2, 1).bind(address, 7777).listen();
    const client = RawSocket.tcp(ipv6).setOption(1, 2, 1).bind(address, clientPort).connect(address, 7777);
    return { client, server: listener.accept() };
  });
}

/** Ends so that no TIME_WAIT keeps the ports. */
function reset({ client, server }: { client: RawSocket; server: RawSocket }): void {
  client.setOption(1, 13, [1, 0, 0, 0, 0, 0, 0, 0])[Symbol.dispose]();
  server[Symbol.dispose]();
}

function bpfDescriptors(): number {
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return /bpf/.test(readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      return false;
    }
  }).length;
}

describe('live connections', () => {
  /** Starting one takes long in a guest: it serves nearly all tests, in a ring that is much too small for all they do. */
  let netns: TestNetns;
  let tracer: Tracer;
  before(() => {
    netns = new TestNetns();
    tracer = Tracer.start(inside(netns, { ringBytes: 131_072 }));
  });
  after(async () => {
    // Without a reader and without these, what is in the ring at the end is dropped.
    using last = tracer.connections({ udp: false });
    await last.refresh();
    await tracer.stop();
    netns[Symbol.dispose]();
    const { delivered, produced, lost } = tracer.stats();
    assert.deepEqual(delivered, produced);
    assert.deepEqual(lost, { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 });
  });

  it('have at the first refresh what existed before the start, with processes, to the byte', async () => {
    using netns = new TestNetns();
    using load = await hold(netns);
    load.signal();
    await load.awaitKind('holding');
    await using tracer = Tracer.start(inside(netns));
    using live = tracer.connections();
    assert.deepEqual(live.problems, []);
    await live.refresh();
    const seen = new Map([...live].map((connection) => [ends(connection), figures(connection)]));
    const [listening] = live.openSockets;
    const pairs = (await load.run()).filter(({ kind }) => kind === 'pair');
    assert.equal(seen.size, 2 * COUNT);
    for (const { client, server } of pairs) {
      const mine = seen.get(`${client.port} ${server.port}`);
      const theirs = seen.get(`${server.port} ${client.port}`);
      assert.deepEqual(mine, [client.pid, 'outbound', 'established', SENT, REPLIED]);
      assert.deepEqual(theirs, [server.pid, 'inbound', 'established', REPLIED, SENT]);
    }
    assert.equal(listening?.process?.pid, pairs[0]?.server.pid);
    await live.refresh();
    const { totals } = live;
    assert.deepEqual([live.size, totals.ended, totals.vanished, totals.bytes_sent], [0, 2 * COUNT, 0, 0]);
    assert.equal(live.takeEnded().ended.length, 2 * COUNT);
    assert.deepEqual(live.failures, []);
  });

  it('lose nothing where no reader iterates', async () => {
    using live = tracer.connections({ udp: false });
    const options = ['--send', '9', '--reply', '1000', '--concurrency', '1'];
    const [count, rounds] = [60, 12];
    for (let round = 0; round < rounds; round++)
      await runLoad(netns, 'pairs', '--count', `${count}`, ...options);
    await live.refresh();
    const { totals, lost } = live;
    const moved = rounds * count * 1009;
    assert.deepEqual(lost, { ring: 0, map: 0, probe: 0, missed: 0, datagrams: 0 });
    assert.deepEqual(
      [totals.connected, totals.accepted, totals.ended, totals.bytes_sent, totals.bytes_received],
      [rounds * count, rounds * count, 2 * rounds * count, moved, moved],
    );
  });

  it('share the stream with a slow loop that reads it, which misses nothing', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start(inside(netns));
    using live = tracer.connections({ udp: false });
    const records: TraceRecord[] = [];
    const reading = (async () => {
      for await (const batch of tracer.batches()) {
        records.push(...batch);
        await sleep(50);
      }
    })();
    for (let round = 0; round < 3; round++) {
      await runLoad(netns, 'pairs', '--count', `${COUNT}`);
      await live.refresh();
      assert.equal(live.totals.ended, (round + 1) * 2 * COUNT);
    }
    await tracer.stop();
    await reading;
    assert.equal(records.length, 3 * 4 * COUNT);
    const times = records.map((record) => record.monotonic_ns);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    await assert.rejects(live.refresh(), /was stopped/);
  });

  /** The same ends again and again: a connection's figures must never be its predecessor's. */
  async function reusePorts(of: Tracer, rounds: number): Promise<void> {
    using live = of.connections({ udp: false });
    await live.refresh();
    const ids = new Set<number>();
    const flows = new Set<string | undefined>();
    for (let round = 1; round <= rounds; round++) {
      const sockets = pair(netns, 7778);
      assert.equal(sockets.client.send(round), round);
      assert.equal(sockets.server.receive(1000), round);
      await live.refresh();
      const connections = [...live];
      assert.equal(connections.length, 2, `round ${round}`);
      const client = connections.find(({ local }) => local.port === 7778);
      assert.deepEqual(figures(client!), [process.pid, 'outbound', 'established', round, 0]);
      ids.add(client!.id);
      flows.add(client!.flow_id);
      reset(sockets);
    }
    assert.deepEqual([ids.size, flows.size], [rounds, rounds]);
    await live.refresh();
    assert.equal(live.size, 0);
    const { ended } = live.takeEnded();
    const clients = ended.filter(({ connection }) => connection.direction === 'outbound');
    assert.deepEqual(
      clients.map(({ connection }) => connection.bytes_sent),
      Array.from({ length: rounds }, (_, index) => index + 1),
    );
  }

  it('contain each event from before a refresh at once', () => reusePorts(tracer, 20));

  it('contain each event from before a refresh without a ring buffer, where events come late', async () => {
    await using older = Tracer.start(inside(netns, { features: features.without('ringbuf') }));
    await reusePorts(older, 5);
  });

  it('end a connection that another process closes than the one that opened it', async () => {
    using live = tracer.connections({ udp: false });
    await live.refresh();
    for (const how of ['fork', 'scm']) {
      const passed = await runLoad(netns, 'pass', '--count', '5', '--how', how, '--side', 'client');
      await live.refresh();
      assert.equal(live.size, 0);
      const { ended } = live.takeEnded();
      const openers = new Map(
        passed.map(({ client, server }) => [`${client.port} ${server.port}`, client.pid]),
      );
      const clients = ended.filter(({ connection }) => openers.has(ends(connection)));
      assert.equal(clients.length, 5, how);
      for (const { connection } of clients) {
        assert.equal(connection.process?.pid, openers.get(ends(connection)));
      }
    }
  });

  it('have UDP flows to the byte, their end by idleness and by close, and their sockets', async () => {
    using live = tracer.connections({ tcp: false, udpIdleMs: 1000 });
    await live.refresh();
    const [server, client] = withNetns(`/run/netns/${netns.name}`, () => {
      const bound = RawSocket.udp().bind('127.0.0.1');
      return [bound, RawSocket.udp().connect('127.0.0.1', bound.port)] as const;
    });
    client.send(100);
    client.send(11);
    assert.equal(server.receive(1000) + server.receive(1000), 111);
    await live.refresh();
    const shown = [...live].map(({ transport, bytes_sent, bytes_received, packets_sent, process }) =>
      [transport, bytes_sent, bytes_received, packets_sent, process?.pid].join(),
    );
    assert.deepEqual(shown.sort(), [`udp,0,111,0,${process.pid}`, `udp,111,0,2,${process.pid}`]);
    assert.equal([...live.openSockets].length, 2);
    assert.deepEqual([live.totals.bytes_sent, live.totals.bytes_received], [111, 111]);
    await refreshUntil(live, () => live.size === 0, 'the flows are never idle');
    assert.deepEqual(
      live.takeEnded().ended.map((end) => end.closed_by),
      ['idle', 'idle'],
    );
    client.send(5);
    assert.equal(server.receive(100), 5);
    await live.refresh();
    assert.equal(live.size, 2);
    client[Symbol.dispose]();
    server[Symbol.dispose]();
    await live.refresh();
    const { ended } = live.takeEnded();
    assert.deepEqual(
      ended.map(({ closed_by, connection }) => `${closed_by} ${connection.bytes_sent}`).sort(),
      ['local 0', 'local 5'],
    );
    assert.equal(live.size, 0);
    assert.equal([...live.openSockets].length, 0);
  });

  it('keep to the network namespaces of the tracer, and to the wanted families', async () => {
    using other = new TestNetns();
    using all = tracer.connections();
    using ipv4 = tracer.connections({ ipv6: false, udp: false });
    using none = tracer.connections({ tcp: false });
    const before = [pair(netns), pair(netns, 0, true), pair(other)];
    for (const live of [all, ipv4, none]) await live.refresh();
    assert.deepEqual(new Set([...all].map((connection) => connection.netns)), new Set([netns.inode]));
    assert.deepEqual([...all].map(({ type }) => type).sort(), ['ipv4', 'ipv4', 'ipv6', 'ipv6']);
    assert.deepEqual(
      [...ipv4].map(({ type }) => type),
      ['ipv4', 'ipv4'],
    );
    assert.equal([...none].length, 0);
    before.forEach(reset);
    for (const live of [all, ipv4, none]) await live.refresh();
    assert.deepEqual([all.totals.ended, ipv4.totals.ended, none.totals.ended], [4, 2, 0]);
    assert.throws(() => tracer.connections({ tcp: false, udp: false }), OptionError);
    assert.throws(() => tracer.connections({ udpIdleMs: 0 }), OptionError);
  });

  it('count connections for which the table has no room', async () => {
    using live = tracer.connections({ udp: false, limit: 3 });
    await live.refresh();
    const pairs = Array.from({ length: 4 }, () => pair(netns));
    await live.refresh();
    assert.deepEqual([live.size, live.totals.untracked, live.totals.overflow], [3, 5, 5]);
    for (const { client } of pairs) client.send(10);
    for (const { server } of pairs) assert.equal(server.receive(100), 10);
    pairs.forEach(reset);
    await live.refresh();
    assert.equal(live.size, 0);
    assert.equal(live.totals.bytes_received, 40);
  });

  it('leave nothing when they are disposed of, and the tracer goes on', async () => {
    const descriptors = bpfDescriptors();
    const live = tracer.connections();
    await live.refresh();
    assert.ok(bpfDescriptors() > descriptors);
    live[Symbol.dispose]();
    live[Symbol.dispose]();
    assert.equal(bpfDescriptors(), descriptors);
    await assert.rejects(live.refresh(), /disposed of/);
    await runLoad(netns, 'pairs', '--count', '5');
    using next = tracer.connections({ udp: false });
    await next.refresh();
    // The ring kept the events that came while nobody read.
    assert.equal(next.totals.ended, 10);
  });

  it('convert to plain objects', async () => {
    using live = tracer.connections({ udp: false });
    const sockets = pair(netns);
    await live.refresh();
    for (const connection of live) {
      const plain = JSON.parse(JSON.stringify(plainConnection(connection, connection.active_ns)));
      assert.deepEqual(plain.network, { transport: 'tcp', type: 'ipv4' });
      assert.equal(plain.process.pid, process.pid);
    }
    reset(sockets);
  });
});
