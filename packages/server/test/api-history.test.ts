/** The API on a real history, which a collector fills through the socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HistoryStore } from '@weir/history';
import type { EndRow } from '@weir/history/schema';
import { storedHistory } from '../src/api/stored-history.js';
import { ImportedHistories } from '../src/imports/imported-histories.js';
import { IngestClient, IngestServer } from '../src/ingest/index.js';
import { problemOf, type RunningApi, startApi } from './support/api.js';
import { at, endRow, epoch } from './support/batches.js';

const versions = { protocols: [1, 1], version: '0.1.0', schema: 1 } as const;
const range = 'range=2026-09-21T14:13:00Z..2026-09-21T14:23:00Z';
const ends: EndRow[] = Array.from({ length: 250 }, (_, i) =>
  endRow(i, {
    comm: i % 2 === 0 ? 'curl' : 'nginx',
    direction: i % 2 === 0 ? 'outbound' : 'inbound',
    connection_id: BigInt(i >> 1) + 1000n,
    handshake_us: 100 + i,
  }),
);

let folder = '';
let store: HistoryStore;
let api: RunningApi;
let imports: ImportedHistories;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-api-history-'));
  store = await HistoryStore.open({ folder: join(folder, 'history') });
  const onProblem = (message: string) => assert.fail(message);
  await using _server = await IngestServer.listen({
    socket: join(folder, 'sock'),
    store,
    versions,
    onProblem,
  });
  const client = new IngestClient({ path: join(folder, 'sock'), versions, epoch, onProblem });
  const host = { host_id: epoch.host_id, time: epoch.started, name: 'a', boot_id: 'b' };
  client.send({ time: at(1), monotonic_ns: 2e9, hosts: [host], ends: ends.slice(0, 200) });
  const loss = { host_id: epoch.host_id, since: at(1), time: at(2), count: 5, place: 'ring' };
  client.send({ time: at(2), monotonic_ns: 3e9, ends: ends.slice(200), losses: [loss] });
  client.send({ time: at(3), monotonic_ns: 4e9, goodbye: true });
  assert.ok(await client.close(20_000));
  imports = new ImportedHistories({ temporaryFolder: folder });
  api = await startApi({
    history: storedHistory(store),
    imports,
    temporaryFolder: folder,
    onError: (error) => assert.fail(error as Error),
  });
});

after(async () => {
  await api?.[Symbol.asyncDispose]();
  imports?.[Symbol.dispose]();
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

// biome-ignore lint/suspicious/noExplicitAny: the answers' form is checked by their schemas.
async function get(path: string, init?: RequestInit): Promise<any> {
  const response = await api.get(path, init);
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return response.json();
}

describe('the API on a history', () => {
  it('sorts connections, and goes on behind a page', async () => {
    const page = async (more: string) =>
      (await (await api.get(`/connections?${range}&order=-handshake_us&limit=100${more}`)).json()) as {
        readonly connections: readonly { readonly handshake_us: number }[];
        readonly next: string;
      };
    const first = await page('');
    const second = await page(`&cursor=${first.next}`);
    const found = [...first.connections, ...second.connections].map((each) => each.handshake_us);
    assert.deepEqual(
      found,
      Array.from({ length: 200 }, (_, i) => 349 - i),
    );
    assert.deepEqual((await page('&skip=100')).connections, second.connections);
    const problem = await problemOf(await api.get(`/connections?${range}&skip=5`));
    assert.match(problem.detail, /^skip: only where/);
  });

  it('shows all connections once, page by page, and what was lost', async () => {
    const ports: number[] = [];
    for (let cursor = ''; ; ) {
      const page = await get(`/connections?${range}&limit=70&order=oldest${cursor}`);
      ports.push(...page.connections.map(({ local }: { local: { port: number } }) => local.port));
      assert.deepEqual(page.losses, [
        {
          since: '2026-09-21T14:13:21.000000000Z',
          time: '2026-09-21T14:13:22.000000000Z',
          count: 5,
          where: 'ring',
          host: 'fedcba9876543210',
        },
      ]);
      if (page.next === undefined) break;
      cursor = `&cursor=${page.next}`;
    }
    assert.deepEqual(
      ports,
      ends.map(({ local_port }) => local_port),
    );
  });

  it('finds one connection by its flow id, and both ends by the connection id', async () => {
    const { connections } = await get('/connections/00000000000003ea');
    assert.deepEqual(
      connections.map(({ local }: { local: { port: number } }) => local.port).sort(),
      [40_004, 40_005],
    );
    const { connections: one } = await get(`/connections/${connections[0].flow_id}`);
    assert.deepEqual(one, [connections[0]]);
    assert.equal((await problemOf(await api.get('/connections/0000000000000001'))).kind, 'missing');
  });

  it('groups, and knows percentiles and totals', async () => {
    const { groups, count, total } = await get(
      `/groups?${range}&by=process&percentiles=0.5&order=connections`,
    );
    assert.equal(count, 2);
    assert.equal(total.connections, 250);
    assert.deepEqual(groups.map(({ key }: { key: object }) => key).sort(byText), [
      { process: 'curl' },
      { process: 'nginx' },
    ]);
    assert.equal(groups[0].percentiles.handshake_us.length, 1);
  });

  it('filters, by names of services too, and names what its rows do not have', async () => {
    const count = async (filter: string) =>
      (await get(`/groups?${range}&filter=${encodeURIComponent(filter)}`)).total.connections;
    assert.equal(await count('process=curl'), 125);
    assert.equal(await count('port=https and not process=curl'), 125);
    assert.equal(await count('port=ssh'), 0);
    assert.equal(await count('uid=root'), 0);
    assert.equal(await count('not uid=root'), 250);
    const problem = await problemOf(await api.get('/open-at?filter=closed_by%3Dpeer'));
    assert.equal(problem.kind, 'filter');
    assert.match(problem.detail, /open connections/);
  });

  it('draws series, maps and comparisons', async () => {
    const { series } = await get(`/series?${range}&step=1m&by=process`);
    assert.equal(series.length, 2);
    const { nodes, edges } = await get(`/map?${range}&networks=10.0.0.0/8`);
    assert.ok(nodes.some(({ name }: { name: string }) => name === 'nginx'));
    assert.ok(edges.length > 0 && edges.every(({ port }: { port: number }) => port > 0));
    const { differences } = await get(`/compare?${range}&against=2026-09-21T13:00:00Z..%2B5m&by=process`);
    assert.deepEqual(
      differences.map(({ changes }: { changes: string[] }) => changes.includes('new')),
      [true, true],
    );
  });

  it('knows what was open, its hosts, and up to when everything is in', async () => {
    const { connections } = await get('/open-at?at=2026-09-21T14:13:25Z');
    assert.deepEqual(connections, []);
    const { hosts } = await get('/hosts');
    assert.deepEqual(hosts, [
      {
        id: 'fedcba9876543210',
        first_seen: '2026-09-21T14:13:20.000000000Z',
        name: 'a',
        label: 'a',
        boot_id: 'b',
      },
    ]);
    assert.equal((await get('/status')).watermark, '2026-09-21T14:13:23.000000000Z');
  });

  it('answers SQL that reads, and refuses what wants files or changes', async () => {
    const sql = (statement: string, more = {}) => ({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: statement, ...more }),
    });
    assert.deepEqual((await get('/sql', sql('SELECT count(*) AS n FROM ends'))).rows, [['250']]);
    assert.equal((await get('/sql', sql('SELECT * FROM range(100)', { limit: 7 }))).truncated, true);
    for (const statement of [
      "SELECT * FROM read_csv('/etc/passwd')",
      "COPY ends TO '/tmp/x.csv'",
      "ATTACH '/tmp/x.db'",
      'DROP TABLE ends',
      'SET memory_limit = "100GB"',
      'INSTALL httpfs',
      'SELECT 1; SELECT 2',
      'nonsense',
    ])
      assert.equal((await problemOf(await api.get('/sql', sql(statement)))).kind, 'statement', statement);
  });

  it('ends a statement that would never end when its client goes away', async () => {
    const statement = 'SELECT count(*) FROM range(100000000000) a, range(100000000000) b';
    const body = JSON.stringify({ sql: statement });
    const headers = { 'content-type': 'application/json' };
    for (let i = 0; i < 5; i++) {
      const signal = AbortSignal.timeout(200);
      await assert.rejects(api.get('/sql', { method: 'POST', headers, body, signal }));
    }
    // More than may run at the same time: they would all wait for those that never end.
    assert.equal((await api.get('/losses')).status, 200);
  });
});

describe('a range as one file', () => {
  it('is asked elsewhere as it was here', async () => {
    const file = await (await api.get(`/export?${range}`)).arrayBuffer();
    const response = await api.get('/import', { method: 'POST', body: file });
    assert.equal(response.status, 403, 'only admins import');
    const path = join(folder, 'export.tar');
    writeFileSync(path, Buffer.from(file));
    const { id } = await imports.add(path);
    rmSync(path);
    for (const question of [
      '/groups?by=process',
      '/connections?limit=10&filter=comm%3Dcurl',
      '/map?by=process',
      '/connections/00000000000003ea?',
      '/losses?',
    ]) {
      const own = await get(`${question}&${range}`);
      assert.deepEqual(await get(`${question}&${range}&source=${id}`), own, question);
    }
    const unknown = await api.get(`/losses?source=${'0'.repeat(32)}`);
    assert.equal((await problemOf(unknown)).kind, 'missing');
  });

  it('that is damaged is refused, and harms nothing', async () => {
    const file = Buffer.from(await (await api.get(`/export?${range}`)).arrayBuffer());
    const path = join(folder, 'damaged.tar');
    for (const damage of [
      (bytes: Buffer) => bytes.subarray(0, 1000),
      (bytes: Buffer) => bytes.fill(0xff, 5000, 9000),
      () => Buffer.from('no file at all'),
      () => Buffer.alloc(0),
    ]) {
      writeFileSync(path, damage(Buffer.from(file)));
      const result = await imports.add(path).catch((error: Error) => error);
      if (result instanceof Error) assert.match(result.name, /^(FormatError|HistoryError|OptionError)$/);
    }
    assert.equal((await get('/status')).you.role, 'sql');
  });
});

function byText(a: object, b: object): number {
  return JSON.stringify(a).localeCompare(JSON.stringify(b));
}
