/** Every other way and moment at which `weir trace` may end: nothing of it is left in the kernel. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirProcess } from './support/command.js';
import { assertEndsInOrder, assertTracing, traceArgs } from './support/ending.js';
import { assertNothingLeft, existingObjects, objectsOf } from './support/kernel-objects.js';
import { TestNetns } from './support/load.js';

describe('SIGKILL of weir trace leaves nothing behind', () => {
  it('while it traces', async () => {
    using netns = new TestNetns();
    const before = existingObjects();
    using weir = new WeirProcess(traceArgs(netns));
    await weir.ready();
    const held = objectsOf(weir.pid);
    assertTracing(held);
    const { status } = await weir.end('SIGKILL');
    assert.equal(status, null);
    await assertNothingLeft(before, held);
  });

  it('at three moments of its start', async () => {
    using netns = new TestNetns();
    const started = performance.now();
    using first = new WeirProcess(traceArgs(netns));
    await first.ready();
    const startMs = performance.now() - started;
    await first.end('SIGKILL');
    for (let moment = 0; moment < 3; moment++) {
      // The later part of the start is where there is something in the kernel.
      const delay = startMs * (0.3 + 0.24 * (moment + Math.random()));
      const before = existingObjects();
      using weir = new WeirProcess(traceArgs(netns));
      await sleep(delay);
      await weir.end('SIGKILL');
      await assertNothingLeft(before).catch((error: Error) => {
        throw new Error(`killed ${delay} ms after the start`, { cause: error });
      });
    }
  });
});

describe('weir trace ends in order on', () => {
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    it(`${signal}, with a summary, status 0 and nothing left`, () => assertEndsInOrder(signal));
  }

  it('SIGINT during the start, with status 0 and nothing left', async () => {
    using netns = new TestNetns();
    const before = existingObjects();
    using weir = new WeirProcess(traceArgs(netns));
    await untilItCatches(weir.pid);
    const { status, stdout, stderr } = await weir.end('SIGINT');
    assert.equal(status, 0, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^weir: 0 events in .*; none lost\n$/);
    await assertNothingLeft(before);
  });
});

/**
 * Waits until a process has handlers of its own. Node.js itself catches SIGINT and SIGTERM, but not SIGHUP, which is
 * signal 1 and the last that weir asks for.
 */
async function untilItCatches(pid: number): Promise<void> {
  for (;;) {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    if ((BigInt(`0x${caught}`) & 1n) !== 0n) return;
    await sleep(1);
  }
}
