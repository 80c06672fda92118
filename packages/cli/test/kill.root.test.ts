/** However `weir trace` ends, nothing of it is left in the kernel. */
import { it } from 'node:test';
import { WeirProcess } from './support/command.js';
import { assertEndsInOrder, assertTracing, traceArgs } from './support/ending.js';
import { assertNothingLeft, existingObjects, objectsOf } from './support/kernel-objects.js';
import { TestNetns } from './support/load.js';

it('SIGKILL under load leaves nothing behind', async () => {
  using netns = new TestNetns();
  const before = existingObjects();
  using weir = new WeirProcess(traceArgs(netns));
  await weir.ready();
  const held = objectsOf(weir.pid);
  assertTracing(held);
  const load = netns.load('churn', '--count', '1000');
  await weir.printed(2000);
  await weir.end('SIGKILL');
  await assertNothingLeft(before, held);
  await load;
});

it('SIGINT ends it in order', () => assertEndsInOrder('SIGINT'));
