/** `weir serve` that reads its configuration again and again under load. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { account } from './support/load-in-history.js';
import { SteadyLoad } from './support/steady-load.js';

const RELOADS = Number(process.env.WEIR_RELOADS ?? 40);

it(`every connection is remembered once, and none is lost, through ${RELOADS} times SIGHUP`, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-reload-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'serve.yaml');
  const texts = [
    'names: [a.example]\n',
    'names: [b.example]\nrecord: {filter: "comm=nobody"}\n',
    'names: 7\n',
  ];
  writeFileSync(config, texts[0]!);
  using netns = new TestNetns();
  using serve = new KilledServe(netns, { more: ['--config', config] });
  await serve.ready();
  using load = new SteadyLoad(netns, 1_000);
  for (let reload = 0; reload < RELOADS; reload++) {
    writeFileSync(config, texts[reload % texts.length]!);
    process.kill(serve.pid, 'SIGHUP');
    // Some come before the one before has been dealt with.
    await sleep(reload % 4 === 0 ? 0 : Math.random() * 500);
  }
  const made = await load.stop();
  await serve.stored();
  await using history = await serve.history();
  const found = await account(history, made);
  context.diagnostic(`${made.length} connections in ${load.seconds.toFixed(0)} s`);
  assert.match(serve.said, /the earlier configuration stays/, 'the last one was read');
  assert.deepEqual(found.doubled, [], 'sides with more than one row');
  assert.deepEqual(found.missing.slice(0, 5), [], `${found.missing.length} sides without a row`);
  assert.deepEqual(found.wrong.slice(0, 5), [], 'rows with other bytes than the load says');
  assert.deepEqual([found.spans, found.counted], [[], []], 'nothing was lost');
  assert.equal(found.stored, 2 * made.length);
});
