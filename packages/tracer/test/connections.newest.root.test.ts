/** The connection table, on the running kernel: records of a tracer, sock_diag, and /proc together. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Connection, ConnectionTable, processFinder } from '../src/connections/index.js';
import { Tracer } from '../src/index.js';
import { SocketOwners, SocketReader } from '../src/sockets/index.js';
import { isConnection } from './support/expect.js';
import { Load, type LoadReport } from './support/load.js';
import { TestNetns } from './support/netns.js';

const SENT = 77;
const REPLIED = 1234;

/** A table of one network namespace, fed by a tracer while `body` runs. */
async function withTable(
  netns: TestNetns,
  body: (table: ConnectionTable, refresh: () => void) => Promise<void>,
): Promise<ConnectionTable> {
  const table = new ConnectionTable();
  const reader = new SocketReader({ netns: [netns.inode], namespacesMs: 0 });
  const owners = new SocketOwners({ repeatMs: 0, rest: 0 });
  const findProcess = processFinder(owners);
  const refresh = () => {
    // The first time asks for owners, which are there the second time.
    table.refresh(reader, findProcess);
    owners.step(Number.POSITIVE_INFINITY);
    table.refresh(reader, findProcess);
  };
  await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
  const reading = (async () => {
    for await (const record of tracer) {
      if (isConnection(record)) table.record(record);
    }
  })();
  await body(table, refresh);
  await tracer.stop();
  await reading;
  return table;
}

function assertLive(live: readonly Connection[], pairs: readonly LoadReport[]): void {
  const byEnds = new Map(
    live.map((connection) => [`${connection.local.port} ${connection.peer.port}`, connection]),
  );
  assert.equal(byEnds.size, 2 * pairs.length);
  for (const { client, server } of pairs) {
    const here = byEnds.get(`${client.port} ${server.port}`);
    const there = byEnds.get(`${server.port} ${client.port}`);
    assert.deepEqual(
      [here?.process?.pid, here?.direction, here?.state, here?.bytes_sent, here?.bytes_received],
      [client.pid, 'outbound', 'established', SENT, REPLIED],
    );
    assert.deepEqual(
      [there?.process?.pid, there?.direction, there?.state, there?.bytes_sent, there?.bytes_received],
      [server.pid, 'inbound', 'established', REPLIED, SENT],
    );
  }
}

const hold = (netns: TestNetns, count: number) =>
  Load.prepare(netns, 'hold', '--count', `${count}`, '--send', `${SENT}`, '--reply', `${REPLIED}`);

describe('the connection table', () => {
  it('has connections from before the start with their process, and counts only later payload', async () => {
    using netns = new TestNetns();
    const count = 200;
    using load = await hold(netns, count);
    load.signal();
    await load.awaitKind('holding');
    let live: readonly Connection[] = [];
    const table = await withTable(netns, async (running, refresh) => {
      refresh();
      live = [...running.connections()].map((connection) => ({ ...connection }));
      const pairs = (await load.run()).filter(({ kind }) => kind === 'pair');
      assert.equal(live.length, 2 * count);
      const owners = new Map(
        live.map(({ local, peer, process }) => [`${local.port} ${peer.port}`, process?.pid]),
      );
      for (const { client, server } of pairs) {
        assert.equal(owners.get(`${client.port} ${server.port}`), client.pid);
        assert.equal(owners.get(`${server.port} ${client.port}`), server.pid);
      }
      refresh();
    });
    assert.equal(table.size, 0);
    assert.deepEqual([table.totals.bytes_sent, table.totals.bytes_received], [0, 0]);
    assert.equal(table.totals.ended, 2 * count);
    const { ended } = table.takeEnded();
    const bytes = ended.map(({ connection }) => connection.bytes_sent).sort((a, b) => a - b);
    assert.deepEqual([...new Set(bytes)], [SENT, REPLIED]);
  });

  it('has connections that are opened while it runs, to the byte, and is empty in the end', async () => {
    using netns = new TestNetns();
    const count = 200;
    const table = await withTable(netns, async (running, refresh) => {
      refresh();
      using load = await hold(netns, count);
      load.signal();
      await load.awaitKind('holding');
      // Records come with the reader's timer.
      for (const deadline = Date.now() + 60_000; running.totals.accepted < count; ) {
        assert.ok(Date.now() < deadline, 'records are missing');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      refresh();
      assert.equal([...running.openSockets].length, 1);
      const live = [...running.connections()].map((connection) => ({ ...connection }));
      const pairs = (await load.run()).filter(({ kind }) => kind === 'pair');
      assertLive(live, pairs);
    });
    const moved = count * (SENT + REPLIED);
    assert.equal(table.size, 0);
    const { totals } = table;
    assert.deepEqual([totals.bytes_sent, totals.bytes_received], [moved, moved]);
    assert.deepEqual(
      [totals.connected, totals.accepted, totals.ended, totals.vanished],
      [count, count, 2 * count, 0],
    );
  });

  it('counts connections that no refresh sees in full', async () => {
    using netns = new TestNetns();
    const count = 500;
    const table = await withTable(netns, async (_, refresh) => {
      refresh();
      using load = await Load.prepare(
        netns,
        'pairs',
        '--count',
        `${count}`,
        '--send',
        '9',
        '--reply',
        '1000',
      );
      await load.run();
    });
    const { totals } = table;
    assert.equal(table.size, 0);
    assert.deepEqual(
      [totals.connected, totals.accepted, totals.ended, totals.bytes_sent, totals.bytes_received],
      [count, count, 2 * count, count * 1009, count * 1009],
    );
  });
});
