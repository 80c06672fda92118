/** Many live connections: all are in the table, with their processes, and none stays when they have closed. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type LiveConnections, Tracer } from '../src/index.js';
import { Load } from './support/load.js';
import { TestNetns } from './support/netns.js';

const [SENT, REPLIED] = [77, 1234];
/** Connections of a load, whose processes have a descriptor for each. bench/src/many-bench.ts has 50,000. */
const COUNT = process.env.WEIR_LAB_KERNEL === undefined ? 3_000 : 500;
const DEADLINE_MS = 30_000;

async function closeAll(load: Load, live: LiveConnections): Promise<void> {
  const before = live.totals.ended;
  await load.run();
  for (const deadline = Date.now() + DEADLINE_MS; live.totals.ended < before + 2 * COUNT; ) {
    assert.ok(Date.now() < deadline, `${live.totals.ended - before} ends of ${2 * COUNT} were reported`);
    await live.refresh();
  }
  assert.equal(live.size, 0);
  assert.equal(live.totals.vanished, 0);
}

function assertAll(live: LiveConnections): void {
  assert.equal(live.size, 2 * COUNT);
  for (const { process, state, bytes_sent, bytes_received } of live) {
    assert.ok(process !== undefined);
    assert.deepEqual([state, bytes_sent + bytes_received], ['established', SENT + REPLIED]);
  }
}

async function hold(netns: TestNetns): Promise<Load> {
  // A reset ends both ends at once, in the process that closes; timers would end them in anybody's context.
  const args = [
    '--count',
    `${COUNT}`,
    '--send',
    `${SENT}`,
    '--reply',
    `${REPLIED}`,
    '--closer',
    'reset-client',
  ];
  const load = await Load.prepare(netns, 'hold', ...args);
  load.signal();
  await load.awaitKind('holding');
  return load;
}

it(`${2 * COUNT} ends, older and newer than the tracer, are shown until they close`, async () => {
  using netns = new TestNetns();
  using older = await hold(netns);
  await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
  using live = tracer.connections();
  await live.refresh();
  assertAll(live);
  await closeAll(older, live);
  using newer = await hold(netns);
  await live.refresh();
  assertAll(live);
  await closeAll(newer, live);
  assert.deepEqual(live.lost, { ring: 0, map: 0, probe: 0, missed: 0, datagrams: 0 });
});
