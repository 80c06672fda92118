import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { InterruptedError } from '../src/index.js';
import { querySql } from '../src/query/index.js';
import { plainEnd } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, openStore } from './support/store.js';
import { sum, threeHours } from './support/three-hours.js';

describe('SQL of users', () => {
  test('reads all tables by name, from the file and from segments', async (context) => {
    const { store, ends } = await threeHours(context);
    const { rows, columns } = await querySql(store, {
      sql: `SELECT count(*) AS n, sum(bytes_sent)::BIGINT AS bytes, max(time) AS t, (SELECT count(*) FROM batches) AS b FROM ends`,
    });
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['n', 'bytes', 't', 'b'],
    );
    assert.deepEqual(rows[0]!.slice(0, 2), [String(ends.length), String(sum(ends, 'bytes_sent'))]);
    assert.match(String(rows[0]![2]), /^2025-11-24 17:/);
  });

  test('returns no more rows than its limit, and says so', async (context) => {
    const store = await openStore(context);
    const result = await querySql(store, { sql: 'FROM range(100000)', limit: 5000 });
    assert.equal(result.rows.length, 5000);
    assert.equal(result.truncated, true);
    assert.equal((await querySql(store, { sql: 'FROM range(5000)', limit: 5000 })).truncated, false);
  });

  test('returns no more characters than are allowed, however few rows they are in', async (context) => {
    const store = await openStore(context);
    const sql = "SELECT repeat('x', 1000000) AS text, [repeat('y', 10)] AS list FROM range(100)";
    await assert.rejects(querySql(store, { sql }), {
      name: 'OptionError',
      message: /more than 64 Mi characters/,
    });
    assert.equal((await querySql(store, { sql: `${sql} LIMIT 60` })).rows.length, 60);
  });

  for (const sql of [
    'DESCRIBE ends',
    'SUMMARIZE ends',
    'SHOW TABLES',
    'FROM ends LIMIT 1',
    'VALUES (1)',
    'WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t WHERE x < 5) FROM t',
    'SELECT unnest([1, 2]), count(*) OVER () FROM generate_series(1, 3)',
    "SELECT time_bucket(INTERVAL '1 minute', time) AS t, count(*) FROM ends GROUP BY 1 ORDER BY 1",
    "SELECT quantile_cont(handshake_us, 0.95), list(comm)[1], max(regexp_extract(comm, 'x')) FROM ends",
  ]) {
    test(`runs ${JSON.stringify(sql)}`, async (context) => {
      const { store } = await threeHours(context);
      assert.ok((await querySql(store, { sql })).rows.length > 0);
    });
  }

  const refused = [
    'DELETE FROM recent.ends',
    "COPY ends TO 'x.parquet'",
    "COPY (SELECT 1) TO 'segments/x.parquet'",
    "ATTACH 'x.db'",
    'SET threads = 1',
    'INSTALL httpfs',
    'CREATE TABLE x (y INTEGER)',
    'SELECT 1; SELECT 2',
    'EXPLAIN ANALYZE DELETE FROM recent.ends',
    'CHECKPOINT',
    "SELECT current_setting('temp_directory')",
    'FROM pragma_database_list',
    'SELECT * FROM PG_CATALOG."PG_Settings"',
    'SELECT (SELECT count(*) FROM duckdb_logs)',
    'SUMMARIZE duckdb_databases',
    'SELECT sql FROM duckdb_views',
    'SELECT definition FROM pg_views',
    'FROM information_schema."Views"',
    'FROM sqlite_master',
    'BEGIN',
    'COMMIT',
    'CALL enable_logging()',
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM query('DELETE FROM recent.ends')",
    "SELECT * FROM read_parquet('http://127.0.0.1/x')",
    'SELECT nonsense FROM ends',
    'SELEC 1',
    '',
    '-- nothing',
    "SELECT 'x'::INTEGER",
    'SELECT * FROM enable_logging()',
    'SELECT * FROM "ENABLE_LOGGING"()',
    'WITH x AS (SELECT * FROM enable_logging()) SELECT * FROM x',
    'SELECT (SELECT count(*) FROM truncate_duckdb_logs())',
    'SELECT * FROM checkpoint()',
    'SELECT * FROM force_checkpoint()',
    "SELECT write_log('x')",
    "SELECT 1 WHERE system.main.write_log('x') IS NULL",
    "EXPORT DATABASE 'segments/x'",
    'PRAGMA enable_profiling',
    'PREPARE x AS SELECT 1',
    'USE memory',
    'LOAD json',
    "SELECT * FROM query_table('ends')",
    "SELECT * FROM read_blob('hot.duckdb')",
    "SELECT nextval('x')",
  ];
  for (const sql of refused) {
    test(`refuses ${JSON.stringify(sql)}, and the history is as before`, async (context) => {
      const store = await openStore(context);
      const random = new Random(41);
      await store.append(batchOf(1, { ends: [plainEnd(random, {})] }));
      await assert.rejects(querySql(store, { sql }), OptionError);
      assert.deepEqual((await querySql(store, { sql: 'SELECT count(*) FROM ends' })).rows, [['1']]);
      assert.equal(await store.append(batchOf(2)), true);
    });
  }
});

describe('a question that is ended while it has several statements', () => {
  test('ends at any moment of them', async (context) => {
    const { store } = await threeHours(context);
    for (let delay = 0; delay < 60; delay += 3) {
      let begun = 0;
      const slow = (session: Parameters<Parameters<typeof store.read>[0]>[0]) =>
        (async () => {
          for (; begun < 1000; begun++) await session.query('SELECT count(*) FROM range(3000000)');
        })();
      await assert.rejects(store.read(slow, { signal: AbortSignal.timeout(delay) }), InterruptedError);
      assert.ok(begun < 1000, `after ${delay} ms`);
    }
  });
});
