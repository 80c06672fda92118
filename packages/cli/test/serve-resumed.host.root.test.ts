/** What happens while no collector runs is in the history of the next one, as long as the server lives that outlived the last one. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryStore } from '@weir/history';
import { existingObjects, objectsOf } from './support/kernel-objects.js';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';

const COUNT = 500;

/** The numbers of ends by event, and all losses. */
async function contents(history: HistoryStore) {
  return await history.read(async (session) => {
    const ends = await session.query(
      `SELECT event, count(*)::INTEGER FROM ${session.source('ends')} GROUP BY event`,
    );
    const losses = await session.query(`SELECT place, count::INTEGER FROM ${session.source('losses')}`);
    return {
      ends: Object.fromEntries(ends) as Record<string, number>,
      losses: losses.map(([place, count]) => ({ place: place as string, count: count as number | null })),
    };
  });
}

it('connections that begin and end while no collector runs are remembered once, without a loss', async () => {
  using netns = new TestNetns();
  using serve = new KilledServe(netns);
  await serve.ready();
  await serve.killCollector();
  await netns.load('pairs', '--count', String(COUNT), '--send', '100', '--reply', '200');
  serve.startAgain();
  await serve.ready();
  await serve.stored();
  await using history = await serve.history();
  assert.deepEqual(await contents(history), { ends: { close: 2 * COUNT }, losses: [] });
});

it('events that find no room in the ring while no collector runs are counted exactly', async () => {
  using netns = new TestNetns();
  using serve = new KilledServe(netns, { more: ['--ring-size', '16384'] });
  await serve.ready();
  await serve.killCollector();
  // Each is one event.
  await netns.load('refused', '--count', String(COUNT));
  serve.startAgain();
  await serve.ready();
  await serve.stored();
  await using history = await serve.history();
  const { ends, losses } = await contents(history);
  const lost = losses.reduce((sum, { place, count }) => {
    assert.equal(place, 'ring');
    return sum + count!;
  }, 0);
  assert.deepEqual(Object.keys(ends), ['fail']);
  assert.ok(lost > 0, 'the ring had room for all');
  assert.equal(ends.fail! + lost, COUNT);
});

it('a collector and its server that are both killed leave nothing in the kernel', async () => {
  using netns = new TestNetns();
  using serve = new KilledServe(netns);
  await serve.ready();
  const objects = objectsOf(serve.pid);
  const left = () => {
    const existing = existingObjects();
    return [...objects].filter((object) => existing.has(object));
  };
  assert.ok(objects.size > 5);
  await serve.killCollector();
  await sleep(500);
  // What the next collector goes on with: all but what a breakpoint, or a sweep, had.
  assert.ok(left().length > 5, String(left()));
  assert.ok(serve.killServer());
  for (const end = Date.now() + 60_000; left().length > 0 && Date.now() < end; ) await sleep(100);
  assert.deepEqual(left(), []);
});
