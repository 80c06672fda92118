import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { commit } from '../src/store/commit.js';

describe('a commit that another thread of the database does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-commit-'));
  let instance: DuckDBInstance;
  let first: DuckDBConnection;
  let second: DuckDBConnection;

  before(async () => {
    instance = await DuckDBInstance.create(join(folder, 'x.duckdb'), { threads: '2' });
    first = await instance.connect();
    second = await instance.connect();
    await first.run('CREATE TABLE numbers (n BIGINT PRIMARY KEY)');
  });
  after(() => {
    first.closeSync();
    second.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  });

  const count = async (connection: DuckDBConnection) =>
    Number((await (await connection.run('SELECT count(*) FROM numbers')).getRows())[0]![0]);

  for (const [how, isFree] of [
    ['while nothing else runs', () => true],
    ['while something else runs', () => false],
  ] as const) {
    it(`is done when it resolves, ${how}`, async () => {
      const before = await count(second);
      for (let round = 0; round < 20; round++) {
        await first.run('BEGIN');
        await first.run(`INSERT INTO numbers SELECT range + ${before + round * 1000} FROM range(1000)`);
        assert.equal(await count(second), before + round * 1000);
        await commit(first, isFree);
        assert.equal(await count(second), before + (round + 1) * 1000);
      }
    });

    it(`rejects with what the database says, ${how}`, async () => {
      await first.run('BEGIN');
      await second.run('BEGIN');
      const next = 10_000_000 + (how === 'while nothing else runs' ? 1 : 2);
      for (const connection of [first, second]) await connection.run(`INSERT INTO numbers VALUES (${next})`);
      await commit(first, isFree);
      await assert.rejects(
        commit(second, isFree),
        /^Error: TransactionContext Error: Failed to commit: .*duplicate/,
      );
      await assert.rejects(commit(second, isFree), /no transaction is active/);
      assert.equal(await count(second), await count(first));
    });
  }

  it('is done where other work comes in between', async () => {
    const before = await count(first);
    let asked = 0;
    await first.run('BEGIN');
    await first.run('INSERT INTO numbers SELECT range + 20000000 FROM range(50000)');
    await commit(first, () => asked++ === 0);
    assert.equal(await count(second), before + 50_000);
  });
});
