/** `weir serve` while packets with FIN are lost: sides of connections end when TCP has sent theirs again, 200 ms later or more. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { account } from './support/load-in-history.js';
import { SteadyLoad } from './support/steady-load.js';

/** One FIN of each 51. */
const rules = `table inet lossy {
  chain input { type filter hook input priority 0; tcp flags & fin != 0 numgen inc mod 51 == 0 drop; }
}`;

it('an end that waits for a lost FIN has one row, also where a collector is killed meanwhile', async () => {
  using netns = new TestNetns();
  execFileSync('ip', ['netns', 'exec', netns.name, 'nft', '-f', '-'], { input: rules });
  using serve = new KilledServe(netns);
  await serve.ready();
  using load = new SteadyLoad(netns, 300);
  await sleep(1_500);
  await serve.replaceCollector();
  await serve.ready();
  await sleep(500);
  const made = await load.stop();
  await serve.stored();
  await using history = await serve.history();
  const found = await account(history, made);
  assert.deepEqual(found.doubled, [], 'sides with more than one row');
  assert.deepEqual(found.unknown, [], 'rows of connections that the load has not made');
  assert.deepEqual(found.missing.slice(0, 5), [], `${found.missing.length} sides without a row or a loss`);
  assert.deepEqual(found.wrong.slice(0, 5), [], 'rows with other bytes than the load says');
  assert.deepEqual([found.spans, found.counted], [[], []], 'nothing was lost');
  const late = await history.read((session) =>
    session.query(
      `SELECT count(*) FROM ${session.source('ends')} WHERE retransmits > 0 AND closing_us > 100000`,
    ),
  );
  assert.ok(Number(late[0]![0]) > 0, 'no end had to wait for a FIN');
});
