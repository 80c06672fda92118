import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './support/store.js';

const path = fileURLToPath(new URL('support/read-only-child.js', import.meta.url));

describe('a history on a disk that becomes read-only', () => {
  test('says so, answers, and can be opened for reading', async (context) => {
    const folder = await temporaryFolder(context);
    const script = 'mount -t tmpfs -o size=100m none "$1" && exec "$2" "$3" "$1"';
    const { status, stderr, stdout } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, path],
      { encoding: 'utf8', timeout: 120_000 },
    );
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
});
