/** A history that is not the server's own. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { servePaths } from '@weir/server/serve';
import { runWeir } from './support/command.js';
import { folder } from './support/serve.js';

it('weir serve refuses a history of another user in a line that says what to do', async () => {
  const paths = servePaths(join(folder, 'owned'));
  mkdirSync(paths.history, { recursive: true });
  chownSync(paths.server, 65534, 65534);
  chownSync(paths.history, 65534, 65534);
  const path = join(paths.history, 'hot.duckdb');
  writeFileSync(path, '', { mode: 0o600 });
  const { status, stderr } = await runWeir(['serve', '--folder', paths.folder, '--user', 'nobody']);
  assert.equal(status, 2, stderr);
  const says = `${path} belongs to user 0, and the server runs as nobody: chown -R nobody: ${paths.server}, or choose that user`;
  assert.equal(stderr, `weir: ${says}\n`);
});
