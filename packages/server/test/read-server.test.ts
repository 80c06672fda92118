/** `weir serve --read`: what it answers, and what it says where its database is away, empty, or refuses it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { UnreadableDatabaseError } from '@weir/history';
import { parseServeConfig } from '../src/config/index.js';
import { ReadServer } from '../src/serve/read-server.js';

const { TestClickhouse, withoutClickhouse } = (await import(
  new URL('../../../history/dist/test/support/clickhouse-server.js', import.meta.url).href
)) as typeof import('../../history/test/support/clickhouse-server.js');
const { shipped } = (await import(
  new URL('../../../history/dist/test/support/two-databases.js', import.meta.url).href
)) as typeof import('../../history/test/support/two-databases.js');

async function start(context: TestContext, url: string, said: string[] = []): Promise<ReadServer> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-read-'));
  const text = JSON.stringify({ folder, read: { url }, listen: ['127.0.0.1:0'] });
  const config = parseServeConfig(text);
  assert.ok(config.read !== undefined);
  const options = {
    config: { ...config, read: config.read },
    version: '1',
    onProblem: (line: string) => said.push(line),
  };
  context.after(() => rm(folder, { recursive: true, force: true }));
  const server = await ReadServer.start(options);
  context.after(() => server[Symbol.asyncDispose]());
  return server;
}

interface Body {
  readonly detail?: string;
  readonly type?: string;
  readonly reading?: { readonly state: string; readonly target: string };
  readonly rows?: unknown;
  readonly [other: string]: unknown;
}

it('answers every question, says what it reads, and goes on when its database is back', {
  skip: withoutClickhouse(),
}, async (context) => {
  const clickhouse = await TestClickhouse.start(context);
  const login = clickhouse.address;
  // Before any host has made the tables.
  await assert.rejects(start(context, login), (error: Error) => {
    assert.ok(error instanceof UnreadableDatabaseError);
    assert.match(
      error.message,
      /^ClickHouse at clickhouse:\/\/127\.0\.0\.1:\d+\/weir has no tables of Weir in this database: /,
    );
    return true;
  });
  const HOUR = 1_763_996_400_000_000_000n;
  const end = {
    ...{
      host_id: 7n,
      time: HOUR + 5n,
      monotonic_ns: 1,
      flow_ns: 9n,
      flow_cpu: 0,
      transport: 'tcp',
      family: 'ipv4',
    },
    ...{ local_address: '10.0.0.1', local_port: 9, peer_address: '10.0.0.2', peer_port: 443, comm: 'curl' },
    ...{
      event: 'close',
      bytes_sent: 5,
      bytes_received: 6,
      interval_rows: 0,
      direction: 'outbound',
      connection_id: 77n,
    },
  };
  await shipped(context, clickhouse, [
    { ends: [end], hosts: [{ host_id: 7n, time: HOUR, name: 'h7', boot_id: 'b' }] },
  ]);
  await clickhouse.behave({ login: 'weir:right' });
  await assert.rejects(start(context, login), /refuses the user default or its password: check /);
  await clickhouse.behave({});
  await clickhouse.stop();
  const said: string[] = [];
  const server = await start(context, login, said);
  const [url] = server.urls;
  const get = async (path: string, init?: RequestInit): Promise<{ status: number; body: Body }> => {
    const answer = await fetch(`${url}/api/v1/${path}`, init);
    return { status: answer.status, body: (await answer.json()) as Body };
  };
  const range = 'range=2025-11-24T15:00:00Z..2025-11-24T16:00:00Z';
  const away = await get(`groups?${range}&by=process`);
  assert.equal(away.status, 503);
  assert.match(
    away.body.detail!,
    /^ClickHouse at clickhouse:\/\/[^ ]+ cannot be asked: connect ECONNREFUSED/,
  );
  assert.equal((await get('ready')).status, 503);
  assert.equal(said.length > 0 && /ECONNREFUSED.*; it is tried again$/.test(said[0]!), true, said[0]);
  await clickhouse.start();
  const questions = [
    ...[
      `groups?${range}&by=process`,
      `series?${range}&step=1m`,
      `map?${range}&by=process`,
      `connections?${range}&filter=proc%3Dcurl`,
    ],
    ...[
      `compare?${range}&by=process&against=2025-11-24T14:00:00Z..2025-11-24T15:00:00Z`,
      `connections/${'0'.repeat(14)}4d?${range}`,
    ],
    ...['open-at?at=2025-11-24T15:30:00Z', `losses?${range}`, 'hosts', 'ready', 'server'],
  ];
  for (const question of questions) {
    const { status, body } = await get(question);
    assert.equal(status, 200, `${question}: ${JSON.stringify(body)}`);
  }
  const map = (await get(questions[2]!)).body as unknown as { nodes: { name: string }[] };
  assert.deepEqual(
    map.nodes.map(({ name }) => name),
    ['curl', '10.0.0.2'],
  );
  const byHost = await get(`groups?${range}&by=host&filter=host%3Dh7`);
  assert.deepEqual((byHost.body as unknown as { groups: { key: unknown }[] }).groups[0]?.key, { host: 'h7' });
  const listed = (await get('hosts')).body as unknown as { hosts: { label: string }[] };
  assert.deepEqual(
    listed.hosts.map(({ label }) => label),
    ['h7'],
  );
  const { reading } = (await get('status')).body;
  assert.deepEqual(reading, { target: login, state: 'reading' });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^weir_read_up 1$/m);
  assert.match(metrics, /^weir_read_question_failures_total [1-9]/m);
  assert.match(metrics, /^process_resident_memory_bytes \d+$/m);
  const parquet = await fetch(`${url}/api/v1/parquet?${range}&filter=host%3Dh7`);
  assert.deepEqual([parquet.status, parquet.headers.get('weir-rows')], [200, '1']);
  assert.equal(Buffer.from(await parquet.arrayBuffer()).toString('latin1', 0, 4), 'PAR1');
  for (const [path, why] of [
    ['stream', /hours once they are full.*ask a host/],
    [`export?${range}`, /`parquet`/],
  ] as const) {
    const { status, body } = await get(path);
    assert.equal(status, 501, JSON.stringify(body));
    assert.match(body.detail!, why);
  }
  const sql = (text: string) =>
    get('sql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: text }),
    });
  const counted = await sql('SELECT comm, count() FROM ends GROUP BY comm');
  assert.deepEqual(counted.body.rows, [['curl', '1']], JSON.stringify(counted.body));
  for (const text of ['DROP TABLE ends', 'INSERT INTO ends SELECT * FROM ends', 'SELECT nothing FROM ends']) {
    const { status, body } = await sql(text);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(body.type!, /statement/);
  }
});

it('refuses to ship and to read at a time', () => {
  const read = { url: 'clickhouse://ch/weir' };
  assert.throws(() => parseServeConfig(JSON.stringify({ read, store: read })), /leave store out/);
  assert.throws(
    () => parseServeConfig(JSON.stringify({ read: { url: 'http://ch/' } })),
    /expected clickhouse:/,
  );
});
