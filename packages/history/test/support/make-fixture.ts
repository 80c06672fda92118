/**
 * Makes the history that is kept of this version of the schema: `node packages/history/dist/test/support/make-fixture.js`, once a
 * version, before it is published. Tests open the kept histories of all versions.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HistoryStore } from '../../src/index.js';
import { SCHEMA_VERSION } from '../../src/schema/index.js';
import { fixtureBatches } from './fixture-rows.js';

const target = fileURLToPath(
  new URL(`../../../test/fixtures/version-${SCHEMA_VERSION}.tar.gz`, import.meta.url),
);
const folder = mkdtempSync(join(tmpdir(), 'weir-fixture-'));
const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
const batches = fixtureBatches(SCHEMA_VERSION);
for (const [index, batch] of batches.entries()) {
  await store.append(batch);
  // The last hour stays in the database file.
  if (index < batches.length - 1) await store.maintain();
}
await store.close();
execFileSync('tar', ['-C', folder, '--exclude=./reserve', '--exclude=./tmp', '-czf', target, '.']);
rmSync(folder, { recursive: true });
