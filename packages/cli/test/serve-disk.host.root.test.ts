/** `weir serve` whose disk becomes full, or read-only. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { account } from './support/load-in-history.js';
import { SmallDisk } from './support/small-disk.js';
import { SteadyLoad } from './support/steady-load.js';

it('a full disk costs no connection that fits into memory, also where the server is killed meanwhile', async () => {
  using netns = new TestNetns();
  using disk = await SmallDisk.mount(160);
  using serve = new KilledServe(netns, { disk });
  await serve.ready();
  using load = new SteadyLoad(netns, 300);
  await sleep(2000);
  disk.fill();
  await serve.says(/full|ENOSPC/i);
  serve.killServer();
  await sleep(4000);
  disk.empty();
  await sleep(1000);
  const made = await load.stop();
  await serve.stored();
  await using history = await serve.history();
  const found = await account(history, made);
  assert.deepEqual([found.doubled, found.unknown, found.missing, found.wrong], [[], [], [], []]);
  assert.deepEqual([found.stored, found.lost, found.counted], [2 * made.length, 0, []]);
});

it('a disk that becomes read-only is said, and keeps what was stored; the rest ended in a lost span', async () => {
  using netns = new TestNetns();
  using disk = await SmallDisk.mount(160);
  using serve = new KilledServe(netns, { disk });
  await serve.ready();
  using load = new SteadyLoad(netns, 300);
  await sleep(2000);
  disk.becomeReadOnly();
  await serve.says(/became read-only: nothing is stored any more/);
  serve.killServer();
  await sleep(2000);
  await serve.end();
  assert.match(serve.said, /not all that was collected could be stored or kept in the spool/);
  const lines = serve.said.split('\n');
  assert.ok(lines.length < 40, `${lines.length} lines of standard error: ${serve.said}`);
  disk.mountAgain();
  serve.startAgain();
  await serve.ready();
  await sleep(1000);
  const made = await load.stop();
  await serve.stored();
  await using history = await serve.history();
  const found = await account(history, made);
  assert.deepEqual([found.doubled, found.unknown, found.missing, found.wrong], [[], [], [], []]);
  assert.equal(found.stored + found.lost, 2 * made.length);
  assert.ok(found.stored > 0 && found.lost > 0);
  assert.deepEqual([found.spans.length, found.counted], [1, []]);
});
