/**
 * `weir serve` whose processes are killed at random moments under load: each connection is in the history once, or, where no server
 * lived when the collector was killed, ended in a span that the history shows as lost. `WEIR_KILLS=200` sets the number of kills.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { account } from './support/load-in-history.js';
import { SteadyLoad } from './support/steady-load.js';

const KILLS = Number(process.env.WEIR_KILLS ?? 12);
const LONGEST_MS = 1_500;
/** A collector gives up on a server that dies three times before it has worked. */
const MOST_IN_A_ROW = 2;

it(`every connection is remembered once, or ended in a counted span, through ${KILLS} kills`, async (context) => {
  using netns = new TestNetns();
  using serve = new KilledServe(netns);
  await serve.ready();
  using load = new SteadyLoad(netns, 1_000);
  let inARow = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // Else many are killed before they are ready.
    if (Math.random() < 0.75) await serve.ready();
    await sleep(Math.random() * LONGEST_MS);
    const isServer = inARow < MOST_IN_A_ROW && Math.random() < 0.5 && serve.killServer();
    inARow = isServer ? inARow + 1 : 0;
    if (!isServer) await serve.replaceCollector();
  }
  await serve.ready();
  await sleep(500);
  const made = await load.stop();
  await serve.stored();
  await using history = await serve.history();
  const found = await account(history, made);
  context.diagnostic(
    `${serve.kills.length} collectors and ${serve.serverKills} servers killed; ${made.length} connections in ` +
      `${load.seconds.toFixed(0)} s, each with two sides: ${found.stored} sides stored, ${found.lost} ended in ${found.spans.length} ` +
      `lost spans of ${found.spanSeconds.toFixed(1)} s together`,
  );
  assert.deepEqual(found.doubled, [], 'sides with more than one row');
  assert.deepEqual(found.unknown, [], 'rows of connections that the load has not made');
  assert.deepEqual(found.missing.slice(0, 5), [], `${found.missing.length} sides without a row or a loss`);
  assert.deepEqual(found.wrong.slice(0, 5), [], 'rows with other bytes than the load says');
  assert.equal(found.stored + found.lost, 2 * made.length);
  assert.deepEqual(found.counted, [], 'nothing was lost while a collector ran');
  for (const { since, time } of found.spans) {
    const kills = serve.kills.filter(({ atNs }) => since <= atNs && atNs <= time);
    assert.ok(
      kills.some(({ hadServer }) => !hadServer),
      `no collector without a server was killed in a span that is lost\n${serve.said}`,
    );
    // A collector that was never ready may have traced.
    const { readyNs } = kills.at(-1)!;
    assert.ok(readyNs === undefined || time <= readyNs, 'it lasted longer than no collector was ready');
  }
});

for (const [what, hasServer] of [
  ['costs nothing while its server lives', true],
  ['is a loss where its server is killed, too', false],
] as const)
  it(`a collector that is killed right after its first start ${what}`, async () => {
    using netns = new TestNetns();
    using serve = new KilledServe(netns);
    await serve.ready();
    using load = new SteadyLoad(netns, 1_000);
    await sleep(300);
    await serve.killCollector();
    if (!hasServer) assert.ok(serve.killServer());
    serve.startAgain();
    await serve.ready();
    const made = await load.stop();
    await serve.stored();
    await using history = await serve.history();
    const found = await account(history, made);
    assert.deepEqual(found.missing.slice(0, 5), [], `${found.missing.length} sides without a row or a loss`);
    assert.equal(found.spans.length, hasServer ? 0 : 1);
  });
