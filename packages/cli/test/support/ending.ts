/** Running `weir trace` to see how it ends, and what is left of it. */
import assert from 'node:assert/strict';
import { WeirProcess } from './command.js';
import { assertNothingLeft, existingObjects, objectsOf } from './kernel-objects.js';
import { TestNetns } from './load.js';
import { parseLines } from './record-shape.js';

export function traceArgs(netns: TestNetns): string[] {
  return ['trace', '--json', '--netns', netns.name, '--ready-fd', '3'];
}

/** What a process that traces must hold, so that it is known that there was something to be left. */
export function assertTracing(held: ReadonlySet<string>): void {
  for (const kind of ['prog', 'map', 'link']) {
    assert.ok(
      [...held].some((object) => object.startsWith(`${kind} `)),
      `no ${kind} is held by the process`,
    );
  }
}

/** A signal that lets it end in order gives a summary and status 0, and leaves nothing. */
export async function assertEndsInOrder(signal: NodeJS.Signals): Promise<void> {
  using netns = new TestNetns();
  const before = existingObjects();
  using weir = new WeirProcess(traceArgs(netns));
  await weir.ready();
  const held = objectsOf(weir.pid);
  await netns.load('pairs', '--count', '10');
  const { status, stdout, stderr } = await weir.end(signal);
  assert.equal(status, 0, stderr);
  assert.equal(parseLines(stdout).length, 40);
  const summary = /^weir: 40 events in [\d.]+ m?s: 10 connect, 10 accept, 20 close; none lost\n$/;
  assert.match(stderr, summary);
  await assertNothingLeft(before, held);
}
