/** Five hosts behind NAT ship to ClickHouse, which dies, is full, and is away: `weir serve --read` shows what they moved, once. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryStore } from '@weir/history';
import { prepareClickhouse, Shipper, shipSource } from '@weir/history/clickhouse';
import { runWeir } from './support/command.js';
import {
  edgesOf,
  type Figures,
  FiveHosts,
  LOAD,
  loadEdges,
  loadFigures,
  type MapAnswer,
  ownFigures,
} from './support/five-hosts.js';
import {
  type Clickhouse,
  openPast,
  startReading,
  TestClickhouse,
  withoutClickhouse,
} from './support/reading.js';
import { port } from './support/serve.js';

/** How long ClickHouse is away: ten minutes, where somebody wants to wait for them. */
const DOWN_MS = 1_000 * Number(process.env.WEIR_TEST_DOWN_SECONDS ?? 1);
/** A shipper that has failed for long tries after as long again at most. */
const PATIENCE_MS = 60_000 + 2 * DOWN_MS;

/** What a host talks to itself about counts at both ends, as in its own history. */
const counted: Figures = {
  connections: loadFigures.connections + ownFigures.connections,
  bytes_sent: loadFigures.bytes_sent + ownFigures.bytes_received,
  bytes_received: loadFigures.bytes_received + ownFigures.bytes_sent,
};

interface Answer {
  readonly total: Figures;
  readonly groups: readonly (Figures & { readonly key: { readonly host: string } })[];
  readonly connections: readonly { readonly host: string; readonly connection_id?: string }[];
}

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as T;
}

function startShipper({ target }: Clickhouse, store: HistoryStore, said: string[]): Shipper {
  return Shipper.start({
    ...{ source: shipSource(store, store.folder), target, access: {}, layout: { database: 'weir' } },
    ...{ journal: join(store.folder, 'shipped'), say: (line: string) => said.push(line) },
    // So few rows that each segment takes several inserts.
    ...{ lookMs: 20, spreadMs: 0, retryMs: 20, rowsAtATime: 7 },
  });
}

async function until(what: () => string, isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !isTrue(); await sleep(10)) assert.ok(Date.now() < end, what());
}

/** Ships a history while something goes wrong. */
async function shipThrough(
  clickhouse: Clickhouse,
  store: HistoryStore,
  trouble: (said: readonly string[], shipper: Shipper) => Promise<void>,
): Promise<void> {
  const said: string[] = [];
  await using shipper = startShipper(clickhouse, store, said);
  await trouble(said, shipper);
  const { status } = shipper;
  await until(
    () => JSON.stringify([status, shipper.status]),
    () => shipper.status.state === 'shipping' && shipper.status.waiting.segments === 0,
  );
}

/** Rows of `ends` and `intervals` there, and what the sums have, of one host. */
async function rowsThere(clickhouse: Clickhouse, ids: string): Promise<number[]> {
  const of = `host_id IN (${ids})`;
  const [row] =
    await clickhouse.rows(`SELECT (SELECT count() FROM weir.ends WHERE ${of}), (SELECT count() FROM weir.intervals WHERE ${of}),
    (SELECT sum(ended) FROM weir.traffic_minutes WHERE ${of}), (SELECT sum(ended) FROM weir.traffic_hours WHERE ${of})`);
  return row!.map(Number);
}

async function expectOnce(clickhouse: Clickhouse, name: string, store: HistoryStore): Promise<void> {
  const [ids, ends, intervals] = await store.read(async (session) => {
    const ids = await session.query(`SELECT DISTINCT host_id FROM ${session.source('ends')}`);
    const count = async (table: 'ends' | 'intervals') =>
      Number((await session.query(`SELECT count(*) FROM ${session.source(table)}`))[0]![0]);
    return [ids.join(', '), await count('ends'), await count('intervals')] as const;
  });
  assert.ok(ends > 0);
  assert.deepEqual(await rowsThere(clickhouse, ids), [ends, intervals, ends, ends], name);
}

it('what five hosts behind NAT moved is shown once, though ClickHouse dies, is full, and is away meanwhile', {
  skip: withoutClickhouse(),
}, async (context) => {
  using hosts = new FiveHosts();
  const { alpha, beta, web, app, db } = hosts;
  for (const host of hosts.all) host.start();
  await Promise.all(hosts.all.map((host) => host.ready()));
  await hosts.talk();
  await sleep(1500);
  await Promise.all(hosts.all.map((host) => host.end()));
  const clickhouse = await TestClickhouse.start(context);
  const past = async (host: typeof alpha) => {
    const store = await openPast(host.history);
    context.after(() => store.close());
    return store;
  };
  for (const [host, when] of [
    [alpha, 'between'],
    [beta, 'after'],
  ] as const) {
    const store = await past(host);
    await clickhouse.behave({ die: when });
    await shipThrough(clickhouse, store, async () => {
      await clickhouse.ended();
      await clickhouse.start();
    });
    await expectOnce(clickhouse, host.name, store);
  }
  // Its disk is full: it answers as ClickHouse does then.
  const ofWeb = await past(web);
  const text = 'Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)';
  await clickhouse.behave({ error: { code: 243, text, times: 5 } });
  await shipThrough(clickhouse, ofWeb, async (said) => {
    await until(
      () => said.join('\n'),
      () => said.some((line) => line.includes('error 243, ')),
    );
  });
  await expectOnce(clickhouse, 'web', ofWeb);
  // It is away.
  const ofDb = await past(db);
  await clickhouse.behave({});
  await clickhouse.stop();
  await shipThrough(clickhouse, ofDb, async (said) => {
    await sleep(DOWN_MS);
    await until(
      () => said.join('\n'),
      () => said.some((line) => line.includes('ECONNREFUSED')),
    );
    await clickhouse.start();
  });
  await expectOnce(clickhouse, 'db', ofDb);

  // One host is down: what the others have of it is there, once.
  await startReading(context, clickhouse.address);
  const query = `range=-1h&filter=${encodeURIComponent(LOAD)}`;
  const total = async () => (await get<Answer>(`groups?${query}`)).total;
  const bytes = ({ bytes_sent: sent, bytes_received: received }: Figures) => sent + received;
  const partial = await total();
  assert.deepEqual([partial.connections, bytes(partial)], [counted.connections, bytes(counted)]);
  const shown = edgesOf(await get<MapAnswer>(`map?${query}&by=host`));
  assert.equal(shown.length, loadEdges.length);
  assert.ok(
    shown.some((each) => each.startsWith('web > 10.4.0.2:9000 10 ')),
    shown.join('\n'),
  );
  // And back; the connection to ClickHouse breaks once it has the rows.
  const ofApp = await past(app);
  await clickhouse.behave({ hangUp: true });
  await shipThrough(clickhouse, ofApp, async (said) => {
    await until(
      () => said.join('\n'),
      () => said.length > 0,
    );
    await clickhouse.behave({});
  });
  await expectOnce(clickhouse, 'app', ofApp);

  const { connections, bytes_sent, bytes_received } = await total();
  assert.deepEqual({ connections, bytes_sent, bytes_received }, counted);
  assert.deepEqual(edgesOf(await get<MapAnswer>(`map?${query}&by=host`)), loadEdges);
  const list = await get<Answer>(`connections?${query}&limit=1000`);
  const ends = new Map<string, number>();
  for (const { connection_id: id = '' } of list.connections) ends.set(id, (ends.get(id) ?? 0) + 1);
  assert.deepEqual([...ends.values()], Array(loadFigures.connections).fill(2));

  // Hosts by their names.
  const { groups } = await get<Answer>(`groups?${query}&by=host`);
  const counts = { alpha: 20, beta: 15, web: 45, app: 18, db: 18 };
  assert.deepEqual(Object.fromEntries(groups.map((group) => [group.key.host, group.connections])), counts);
  const url = `http://127.0.0.1:${port}`;
  const filter = `host=beta and ${LOAD}`;
  const { stdout, stderr } = await runWeir([
    'query',
    '-1h',
    '--by',
    'host',
    '--filter',
    filter,
    '--url',
    url,
  ]);
  assert.match(stdout, /^beta\s+15\s/m, stderr);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  for (const name of Object.keys(counts))
    assert.match(
      metrics,
      new RegExp(`^weir_read_host_newest_timestamp_seconds\\{host="${name}"\\} \\d+$`, 'm'),
    );
});

/** A ClickHouse whose data is on a disk of so many MB. */
async function onSmallDisk(context: TestContext, megabytes: number) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-clickhouse-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'weir-test', data]);
  const clickhouse = new TestClickhouse(folder);
  context.after(async () => {
    await clickhouse.stop();
    execFileSync('umount', [data]);
    rmSync(folder, { recursive: true, force: true });
  });
  await clickhouse.start();
  return { clickhouse, data };
}

it('a disk of ClickHouse that is full, and has room again, loses and doubles nothing', {
  skip: withoutClickhouse(),
}, async (context) => {
  using hosts = new FiveHosts();
  const { db } = hosts;
  db.start();
  await db.ready();
  await hosts.talk();
  await sleep(1500);
  await db.end();
  const store = await openPast(db.history);
  context.after(() => store.close());
  const { clickhouse, data } = await onSmallDisk(context, 64);
  const filler = join(data, 'filler');
  // The tables are there before the disk is full.
  await using connection = clickhouse.connect();
  await prepareClickhouse(connection, { database: 'weir' });
  const { bavail, bsize } = statfsSync(data);
  assert.throws(() => writeFileSync(filler, Buffer.alloc((bavail + 1) * bsize)), /ENOSPC/);
  await shipThrough(clickhouse, store, async (said) => {
    await until(
      () => said.join('\n'),
      () => said.length > 0,
    );
    context.diagnostic(said.join('\n'));
    assert.match(said[0]!, /space/i);
    unlinkSync(filler);
  });
  await expectOnce(clickhouse, 'db', store);
});
