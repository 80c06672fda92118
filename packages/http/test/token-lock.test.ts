/** Tokens are changed by one process at a time. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockTokens } from '../src/auth/index.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-token-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('who changes tokens waits for one that does', async () => {
  const first = await lockTokens(folder);
  let isLocked = false;
  const second = lockTokens(folder).then((lock) => {
    isLocked = true;
    return lock;
  });
  // The second one has tried by then, in vain.
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isLocked, false);
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
});
