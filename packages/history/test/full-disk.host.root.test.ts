import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './support/store.js';

/** Runs a program with a small disk of its own at a folder. */
function runOnDisk(folder: string, mount: string, program: string): void {
  const path = fileURLToPath(new URL(`support/${program}.js`, import.meta.url));
  const script = `mount -t tmpfs -o ${mount} none "$1" && exec "$2" "$3" "$1"`;
  const { status, stderr, stdout } = spawnSync(
    'unshare',
    ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, path],
    { encoding: 'utf8', timeout: 240_000 },
  );
  assert.equal(status, 0, `${stdout}${stderr}`);
}

describe('a history on a full disk', () => {
  for (const size of ['40m', '60m']) {
    test(`of ${size} goes on, the oldest segments go first, and each row is there or counted`, async (context) => {
      runOnDisk(await temporaryFolder(context), `size=${size}`, 'full-disk-child');
    });
  }
});
