/** Statements of SQL that want more than there is, asked of a real history. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { HistoryStore } from '@weir/history';
import { storedHistory } from '../src/api/stored-history.js';
import { problemOf, startApi } from './support/api.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-sql-'));
let store: HistoryStore;
before(async () => {
  store = await HistoryStore.open({ folder: join(folder, 'history'), minimumFreeBytes: 0 });
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const init = (sql: string) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ sql }),
});

describe('a statement', () => {
  for (const sql of [
    "SELECT length(repeat('x', 1000000000))",
    'SELECT len(range(100000000))',
    'SELECT count(*) FROM range(10000000000) a, range(1000) b',
  ])
    it(`is answered in time, and the server goes on: ${sql}`, async () => {
      await using api = await startApi({ history: storedHistory(store), limits: { timeMs: 100 } });
      const response = await api.get('/sql', init(sql));
      assert.equal(response.status, 504);
      assert.equal((await problemOf(response)).kind, 'timeout');
      assert.equal((await api.get('/health')).status, 200);
    });

  it('that wants more memory than the process may use fails, and the next one does not', async () => {
    const source = `
      import { limitMemory } from '@weir/ebpf/sys';
      import { HistoryStore } from '@weir/history';
      import { querySql } from '@weir/history/query';
      limitMemory(1e9);
      const store = await HistoryStore.open({ folder: ${JSON.stringify(join(folder, 'limited'))}, minimumFreeBytes: 0 });
      const ask = (sql) => querySql(store, { sql }).then(({ rows }) => rows, (error) => error.name + error.message);
      console.log(await ask("SELECT sum(length(repeat('x', 50000000 + range::INT))) FROM range(2048)"));
      console.log(await ask('SELECT 7 AS n'));
      await store.close();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      cwd: new URL('../..', import.meta.url),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.match(
      await text(child.stdout),
      /^OptionErrorsql: the statement needs more memory .*\n\[ \[ 7 \] \]\n$/,
    );
  });
});
