/** Connections of uncommon kinds: what is said of them is what happened. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { kernelAtLeast, SyscallError } from '@weir/ebpf';
import { parseMappedPrefix } from '@weir/ebpf/address';
import { monotonicNs, NetlinkFlag, NetlinkProtocol, NetlinkSocket, syscall, withNetns } from '@weir/ebpf/sys';
import {
  type CloseRecord,
  type ConnectionRecord,
  type Endpoint,
  type LiveConnections,
  type PlainConnection,
  plainConnection,
  type TracerOptions,
} from '../src/index.js';
import { Case, recordsOf, runCase } from './support/cases.js';
import { assertComplete, collect } from './support/collect.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

/** include/uapi/linux/sock_diag.h */
const SOCK_DESTROY = 21;
const { ENETUNREACH } = constants.errno;
const AF_INET = 2;
const SOCK_STREAM = 1;
const mptcp = 262;
const tcp = 0;

function events(records: readonly ConnectionRecord[]): string[] {
  return records.map(({ event }) => event);
}

function closeOf(records: readonly ConnectionRecord[]): CloseRecord {
  const closes = records.filter((record): record is CloseRecord => record.event === 'close');
  assert.equal(closes.length, 1, JSON.stringify(records));
  return closes[0]!;
}

function assertMptcp(t: TestContext): boolean {
  if (existsSync('/proc/sys/net/mptcp/enabled')) return true;
  const message = 'needs MPTCP (Linux 5.6 and later, with CONFIG_MPTCP, which Debian has since 6.1)';
  const isBuiltWithout = process.env.WEIR_LAB_KERNEL?.startsWith('5.10') ?? false;
  assert.ok(isBuiltWithout || !kernelAtLeast('5.6'), message);
  t.skip(message);
  return false;
}

function assertSubflows(t: TestContext): boolean {
  if (kernelAtLeast('6.0')) return true;
  t.skip('needs several subflows on one host as `ip mptcp` sets them up (Linux 6.0 and later)');
  return false;
}

/** A namespace in which connections to 10.88.0.1 get a second subflow. */
function twoPaths(): TestNetns {
  const netns = new TestNetns();
  netns.ip('addr', 'add', '10.88.0.1/32', 'dev', 'lo');
  netns.ip('addr', 'add', '10.88.0.2/32', 'dev', 'lo');
  netns.ip('mptcp', 'limits', 'set', 'subflows', '2', 'add_addr_accepted', '2');
  netns.ip('mptcp', 'endpoint', 'add', '10.88.0.2', 'dev', 'lo', 'subflow');
  return netns;
}

describe('connections that nobody accepts before their listener is closed', () => {
  for (const [name, protocol] of [
    ['TCP', tcp],
    ['MPTCP', mptcp],
  ] as const) {
    it(`have no end of the server over ${name}, whose process never had it`, async (t) => {
      if (protocol === mptcp && !assertMptcp(t)) return;
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
        runCase(netns, 'dropped', String(protocol)),
      );
      const [made] = collected.result;
      assert.ok(made !== undefined);
      assert.deepEqual(events(recordsOf(collected.records, made.client, made.server)), ['connect', 'close']);
      assert.deepEqual(recordsOf(collected.records, made.server, made.client), []);
      assertComplete(collected);
    });
  }
});

describe('MPTCP connections', () => {
  for (const [name, server, client] of [
    ['of two MPTCP programs', mptcp, mptcp],
    ['from TCP to MPTCP', mptcp, tcp],
    ['from MPTCP to TCP', tcp, mptcp],
  ] as const) {
    it(`${name} are one connection at each end, of the programs`, async (t) => {
      if (!assertMptcp(t)) return;
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
        runCase(netns, 'mptcp', String(server), String(client)),
      );
      const [made] = collected.result;
      assert.ok(made !== undefined);
      const outbound = recordsOf(collected.records, made.client, made.server);
      const inbound = recordsOf(collected.records, made.server, made.client);
      assert.deepEqual(events(outbound), ['connect', 'close']);
      assert.deepEqual(events(inbound), ['accept', 'close']);
      assert.equal(collected.records.length, 4, JSON.stringify(collected.records));
      for (const record of collected.records as ConnectionRecord[]) {
        assert.equal(record.process?.pid, made.pid, JSON.stringify(record));
      }
      const [sent, received] = [closeOf(outbound), closeOf(inbound)];
      assert.deepEqual([sent.bytes_sent, sent.bytes_received], [1000, 300]);
      assert.deepEqual([received.bytes_sent, received.bytes_received], [300, 1000]);
      assert.equal(sent.subflows, client === mptcp ? 1 : undefined);
      assert.equal(received.subflows, server === mptcp && client === mptcp ? 1 : undefined);
      assertComplete(collected);
    });
  }

  it('count their subflows', async (t) => {
    if (!assertMptcp(t) || !assertSubflows(t)) return;
    using netns = twoPaths();
    let rows: PlainConnection[] = [];
    const collected = await collect({ filter: { netns: [netns.inode] } }, async (tracer) => {
      using live = tracer.connections({ udp: false });
      const running = new Case(netns, 'subflows', '10.88.0.1');
      await running.ready;
      await live.refresh();
      rows = [...live].map((connection) => plainConnection(connection, Number(monotonicNs())));
      return await running.finish();
    });
    const [made] = collected.result;
    const figures = rows.map((row) => [row.process?.pid, row.bytes_sent, row.bytes_received]);
    assert.deepEqual(
      figures.sort((a, b) => b[1]! - a[1]!),
      [
        [made?.pid, 400_000, 300],
        [made?.pid, 300, 400_000],
      ],
      JSON.stringify(rows),
    );
    assert.ok(made !== undefined);
    assert.equal(collected.records.length, 4, JSON.stringify(collected.records));
    const sent = closeOf(recordsOf(collected.records, made.client, made.server));
    const received = closeOf(recordsOf(collected.records, made.server, made.client));
    assert.deepEqual([sent.subflows, received.subflows], [2, 2]);
    assert.deepEqual([sent.bytes_received, received.bytes_sent], [300, 300]);
    assert.deepEqual([sent.bytes_sent, received.bytes_received], [400_000, 400_000]);
    assertComplete(collected);
  });

  it('keep their ends and their bytes when the subflow on which they began has ended', async (t) => {
    if (!assertMptcp(t) || !assertSubflows(t)) return;
    if (!kernelAtLeast('6.5')) {
      t.skip("needs the connection's own counters (Linux 6.5 and later)");
      return;
    }
    using netns = twoPaths();
    const rowsOf = (live: LiveConnections) =>
      [...live].map(({ local, peer, bytes_sent }) => `${local.port} ${peer.port} ${bytes_sent}`).sort();
    const collected = await collect({ filter: { netns: [netns.inode] } }, async (tracer) => {
      using live = tracer.connections({ udp: false });
      const running = new Case(netns, 'subflows', '10.88.0.1');
      await running.ready;
      await live.refresh();
      const before = rowsOf(live);
      const [row] = [...live].filter(({ direction }) => direction === 'outbound');
      assert.ok(row !== undefined && destroySocket(netns, row.local, row.peer));
      // Workers of the kernel take the subflow away, and end the connection.
      const refreshUntil = async (isDone: () => boolean) => {
        for (const end = Date.now() + 60_000; !isDone() && Date.now() < end; await sleep(50))
          await live.refresh();
      };
      for (let count = 0; count < 3; count++) await live.refresh();
      await refreshUntil(() => isDeepStrictEqual(rowsOf(live), before));
      assert.deepEqual(rowsOf(live), before);
      await running.finish();
      await refreshUntil(() => live.size === 0);
      assert.deepEqual([live.totals.ended, live.totals.vanished, live.size], [2, 0, 0]);
    });
    const bytes = collected.records.map((record) => record.event === 'close' && record.bytes_sent);
    assert.deepEqual(bytes.filter(Boolean).sort(), [300, 400_000]);
    assertComplete(collected);
  });
});

describe('connections whose two ends are one socket', () => {
  it('connect and close once, outbound, with exact bytes', async () => {
    using netns = new TestNetns();
    const collected = await collect({ filter: { netns: [netns.inode] } }, () => runCase(netns, 'self'));
    const [made] = collected.result;
    assert.ok(made !== undefined);
    const records = recordsOf(collected.records, made.client, made.server);
    assert.deepEqual(events(records), ['connect', 'close']);
    assert.equal(new Set(records.map(({ flow_id }) => flow_id)).size, 1);
    assert.ok(records.every(({ direction }) => direction === 'outbound'));
    const close = closeOf(records);
    assert.deepEqual([close.bytes_sent, close.bytes_received], [1000, 1000]);
    assertComplete(collected);
  });

  it('are one outbound connection over MPTCP, too', async (t) => {
    if (!assertMptcp(t)) return;
    using netns = new TestNetns();
    const collected = await collect({ filter: { netns: [netns.inode] } }, async () => {
      withNetns(`/run/netns/${netns.name}`, () => {
        using socket = new RawSocket(syscall('socket', AF_INET, SOCK_STREAM, mptcp));
        socket.bind('127.0.0.1', 9000).connect('127.0.0.1', 9000);
        assert.equal(socket.send(300), 300);
        // The kernel hands the program a byte less than came.
        assert.ok(socket.receive(1000) >= 299);
      });
    });
    const described = collected.records.map((record) =>
      record.event === 'close'
        ? `close ${record.direction} ${record.bytes_sent} ${record.bytes_received}`
        : record.event,
    );
    assert.deepEqual(described, ['connect', 'close outbound 300 300']);
    assertComplete(collected);
  });

  it('are no accept to a filter for inbound connections', async () => {
    using netns = new TestNetns();
    const filter = { netns: [netns.inode], direction: 'inbound' } as const;
    const collected = await collect({ filter }, () => runCase(netns, 'self'));
    assert.deepEqual(collected.records, []);
    assertComplete(collected);
  });
});

describe('failed connects', () => {
  for (const [name, protocol] of [
    ['TCP', tcp],
    ['MPTCP', mptcp],
  ] as const) {
    it(`of ${name} have the errno that connect() returned, also with a port of their own`, async (t) => {
      if (protocol === mptcp && !assertMptcp(t)) return;
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode], events: ['fail'] } }, () =>
        runCase(netns, 'failures', String(protocol)),
      );
      const errors = { bound: 'EADDRNOTAVAIL', refused: 'ECONNREFUSED' };
      assert.equal(collected.result.length, 2);
      for (const made of collected.result) {
        assert.notEqual(made.error, 0);
        const [record, ...rest] = recordsOf(collected.records, made.client, made.server);
        assert.deepEqual(rest, []);
        assert.ok(record?.event === 'fail');
        assert.equal(record.error, errors[made.kind as keyof typeof errors]);
      }
      assertComplete(collected);
    });

    it(`of ${name} that no route leads anywhere name their peer, where the return of connect can be seen`, async (t) => {
      if (protocol === mptcp && !assertMptcp(t)) return;
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode] } }, async (tracer) => {
        const seen = tracer.plan.some(({ chosen }) => chosen === 'fexit:tcp_v4_connect');
        return { seen, made: await runCase(netns, 'unrouted', String(protocol), '10.8.8.8') };
      });
      const { seen, made } = collected.result;
      assert.equal(made[0]?.error, ENETUNREACH);
      const fails = collected.records.map((record) => {
        assert.ok(record.event === 'fail');
        return [record.peer.address, record.peer.port, record.error, record.process?.pid];
      });
      assert.deepEqual(fails, seen ? [['10.8.8.8', 80, 'ENETUNREACH', made[0]?.pid]] : []);
      assertComplete(collected);
    });
  }
});

/** Destroys a TCP socket over IPv4, as `ss -K` does. @returns whether the kernel can (CONFIG_INET_DIAG_DESTROY). */
function destroySocket(netns: TestNetns, local: Endpoint, peer: Endpoint): boolean {
  // struct inet_diag_req_v2: family, protocol, two bytes, states, then struct inet_diag_sockid.
  const payload = new Uint8Array(56);
  payload.set([2, 6]);
  const view = new DataView(payload.buffer);
  view.setUint32(4, 0xffffffff, true);
  view.setUint16(8, local.port);
  view.setUint16(10, peer.port);
  payload.set(parseMappedPrefix(local.address).address.subarray(12), 12);
  payload.set(parseMappedPrefix(peer.address).address.subarray(12), 28);
  // No cookie: any socket with these ends.
  payload.fill(0xff, 48, 56);
  const file = openSync(`/run/netns/${netns.name}`, 'r');
  try {
    withNetns(file, () => {
      using netlink = new NetlinkSocket(NetlinkProtocol.sockDiag);
      netlink.request({ type: SOCK_DESTROY, flags: NetlinkFlag.ack, payload, what: 'destroy a socket' });
    });
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'EOPNOTSUPP') return false;
    throw error;
  } finally {
    closeSync(file);
  }
}

describe('connections that an administrator destroys', () => {
  it('are aborted, not closed by their process', async (t) => {
    using netns = new TestNetns();
    const held = new Case(netns, 'held');
    let destroyed = false;
    const collected = await collect({ filter: { netns: [netns.inode] } }, async () => {
      await held.ready;
      const [made] = held.reports;
      assert.ok(made !== undefined);
      const [local, peer] = [made.client, made.server].map((port) => ({ address: '127.0.0.1', port }));
      destroyed = destroySocket(netns, local!, peer!);
      return await held.finish();
    });
    if (!destroyed) {
      assert.ok(process.env.WEIR_LAB_KERNEL?.startsWith('5.10') ?? false, 'CONFIG_INET_DIAG_DESTROY');
      t.skip('needs CONFIG_INET_DIAG_DESTROY (Linux 4.5 and later)');
      return;
    }
    const report = collected.result.find(({ kind }) => kind === 'destroyed');
    assert.ok(report !== undefined);
    assert.equal(report.error, constants.errno.ECONNABORTED);
    const close = closeOf(recordsOf(collected.records, report.client, report.server));
    assert.equal(close.closed_by, 'abort');
    assert.equal(close.closing_us, undefined);
    assertComplete(collected);
  });
});

describe('threads with names of their own', () => {
  it('are named beside their process, by whose name a filter finds them', async () => {
    using netns = new TestNetns();
    const filter = { netns: [netns.inode], comms: ['a-program'] };
    const collected = await collect({ filter }, () => runCase(netns, 'thread'));
    const [made] = collected.result;
    assert.ok(made !== undefined);
    const records = recordsOf(collected.records, made.client, made.server);
    assert.deepEqual(events(records), ['connect', 'close']);
    for (const { process, thread } of records) {
      assert.deepEqual([process?.pid, process?.comm, thread], [made.pid, 'a-program', 'a-worker']);
      assert.notEqual(process?.tid, made.pid);
    }
    assertComplete(collected);
  });

  it('are not found by their own name, which is not that of the process', async () => {
    using netns = new TestNetns();
    const filter = { netns: [netns.inode], comms: ['a-worker'] };
    const collected = await collect({ filter }, () => runCase(netns, 'thread'));
    assert.deepEqual(collected.records, []);
  });
});

/** Sockets that no process has as a descriptor at the start: see `hidden` of weir-cases. */
async function traceHidden(netns: TestNetns, filter: TracerOptions['filter'] = {}) {
  const hidden = new Case(netns, 'hidden');
  await hidden.ready;
  return await collect({ filter: { netns: [netns.inode], ...filter } }, () => hidden.finish());
}

describe('connections from before the start whose socket nobody had as a descriptor', () => {
  it('are reported at their end, with process and bytes', async () => {
    using netns = new TestNetns();
    const collected = await traceHidden(netns);
    assert.deepEqual(
      collected.result.map(({ kind }) => kind).filter((kind) => kind !== 'ringed'),
      ['queued', 'sent'],
    );
    for (const made of collected.result) {
      for (const [local, peer] of [
        [made.client, made.server],
        [made.server, made.client],
      ] as const) {
        const close = closeOf(recordsOf(collected.records, local, peer));
        assert.equal(close.filter, undefined);
        if (made.kind === 'ringed') continue;
        assert.equal(close.process?.pid, made.pid);
        const moved = local === made.client ? [1000, 300] : [300, 1000];
        assert.deepEqual([close.bytes_sent, close.bytes_received], moved, JSON.stringify(close));
      }
    }
    assertComplete(collected);
  });

  it('are left out where a filter excludes their process', async () => {
    using netns = new TestNetns();
    const collected = await traceHidden(netns, { comms: ['no-such-program'] });
    const decided = collected.records.filter(
      (record) => !(record.event === 'close' && record.filter === 'undecided'),
    );
    assert.deepEqual(decided, []);
    assertComplete(collected);
  });
});

describe('a SYN that waits for the first write', () => {
  it('begins the handshake', async () => {
    using netns = new TestNetns();
    netns.sysctl('net/ipv4/tcp_fastopen', 0x607);
    const collected = await collect({ filter: { netns: [netns.inode] } }, () => runCase(netns, 'deferred'));
    for (const made of collected.result) {
      const [connect] = recordsOf(collected.records, made.client, made.server);
      assert.ok(connect?.event === 'connect');
      assert.ok(
        connect.handshake_us !== undefined && connect.handshake_us < 400_000,
        JSON.stringify(connect),
      );
    }
    assert.equal(collected.result.length, 2);
    assertComplete(collected);
  });
});
