import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HistoryStore } from '../src/index.js';
import { SCHEMA_VERSION } from '../src/schema/index.js';
import { fixtureBatches } from './support/fixture-rows.js';
import { nextSchema } from './support/next-schema.js';
import { batchOf, HOUR, HOUR_NS, openStore, readTable, temporaryFolder } from './support/store.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
const child = fileURLToPath(new URL('support/migration-child.js', import.meta.url));
const kept = ['ends', 'intervals', 'opens', 'losses'] as const;

async function fixture(context: TestContext, version: number): Promise<string> {
  const folder = await temporaryFolder(context);
  execFileSync('tar', ['-C', folder, '-xzf', `${fixtures}/version-${version}.tar.gz`]);
  return folder;
}

describe('histories of earlier versions', () => {
  test('are kept of every version', () => {
    const expected = Array.from({ length: SCHEMA_VERSION }, (_, index) => `version-${index + 1}.tar.gz`);
    assert.deepEqual(readdirSync(fixtures).sort(), expected.sort());
  });

  for (let version = 1; version <= SCHEMA_VERSION; version++) {
    for (const readOnly of [false, true]) {
      test(`version ${version} has all its rows${readOnly ? ' when it is only read' : ', and stores more'}`, async (context) => {
        const store = await openStore(context, { folder: await fixture(context, version), readOnly });
        const batches = fixtureBatches(version);
        for (const table of kept)
          assert.deepEqual(
            await readTable(store, table),
            batches.flatMap((batch) => batch[table] as never),
          );
        if (!readOnly) assert.equal(await store.append(batchOf(4, {})), true);
      });
    }
  }
});

describe('a migration', () => {
  const colours = async (store: HistoryStore) =>
    store.read((session) =>
      session.query(`SELECT colour, count(*) FROM ${session.source('ends')} GROUP BY 1 ORDER BY 1`),
    );

  test('adds a column: NULL in old rows of the file and of segments, kept in new ones', async (context) => {
    const folder = await fixture(context, SCHEMA_VERSION);
    const schema = nextSchema();
    const store = await openStore(context, { folder, schema });
    assert.deepEqual(await colours(store), [[null, 60n]]);
    const [row] = fixtureBatches(SCHEMA_VERSION)[0]!.ends!;
    const ends = [{ ...row!, time: HOUR + 3n * HOUR_NS, colour: 'green' }];
    await store.append(batchOf(4, { ends, time: HOUR + 6n * HOUR_NS }));
    assert.deepEqual(await colours(store), [
      ['green', 1n],
      [null, 60n],
    ]);
    await store.maintain();
    assert.deepEqual(await colours(store), [
      ['green', 1n],
      [null, 60n],
    ]);
    for (const table of kept.slice(1))
      assert.deepEqual(
        await readTable(store, table),
        fixtureBatches(SCHEMA_VERSION).flatMap((batch) => batch[table] as never),
      );
  });

  test('that fails in the middle leaves the version before', async (context) => {
    const folder = await fixture(context, SCHEMA_VERSION);
    const schema = nextSchema();
    const broken = {
      ...schema,
      migrations: [
        { version: schema.version, statements: [...schema.migrations.at(-1)!.statements, 'SELECT nonsense'] },
      ],
    };
    await assert.rejects(HistoryStore.open({ folder, schema: broken } as never), /nonsense/);
    const store = await openStore(context, { folder });
    assert.equal((await readTable(store, 'ends')).length, 60);
    await store.close();
    const next = await openStore(context, { folder, schema });
    assert.deepEqual(await colours(next), [[null, 60n]]);
  });

  for (const step of ['migration:applied', 'migration:committed']) {
    test(`has every row once, and is done once, after a kill at ${step}`, async (context) => {
      const folder = await fixture(context, SCHEMA_VERSION);
      const { signal, stderr } = spawnSync(process.execPath, [child, folder, step], { encoding: 'utf8' });
      assert.equal(signal, 'SIGKILL', stderr);
      const store = await openStore(context, { folder, schema: nextSchema() });
      assert.deepEqual(await colours(store), [[null, 60n]]);
      for (const table of kept.slice(1))
        assert.deepEqual(
          await readTable(store, table),
          fixtureBatches(SCHEMA_VERSION).flatMap((batch) => batch[table] as never),
        );
      assert.equal(await store.append(batchOf(4, {})), true);
    });
  }

  test('is not needed to read', async (context) => {
    const folder = await fixture(context, SCHEMA_VERSION);
    const store = await openStore(context, { folder, readOnly: true, schema: nextSchema() });
    assert.deepEqual(await colours(store), [[null, 60n]]);
  });
});
