/** Waiting for a condition, with a limit that only a failure reaches. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 30_000;

/** Asks again and again until it holds. An exception counts as no. */
export async function waitFor(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await sleep(10)) {
    try {
      if (holds()) return;
    } catch {
      // Not yet.
    }
  }
  assert.fail(`waited for ${holds}`);
}
