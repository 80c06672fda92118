/** `weir serve --store` ships its history to ClickHouse: once, though its server is killed meanwhile. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { it } from 'node:test';
import type { TestClickhouse } from '../../history/test/support/clickhouse-server.js';
import { TestNetns } from './support/load.js';
import { HOURS, makePastHours, ROWS } from './support/past-hours.js';
import { folder, Serve, until } from './support/serve.js';

const { TestClickhouse: Clickhouse, withoutClickhouse } = (await import(
  new URL('../../../history/dist/test/support/clickhouse-server.js', import.meta.url).href
)) as typeof import('../../history/test/support/clickhouse-server.js');

const PASSWORD = 'not to be shown';

interface Status {
  readonly shipping: { readonly state: string; readonly waiting_rows: number; readonly last?: string };
}

function statusOf(serve: Serve): Promise<Status | undefined> {
  return new Promise((resolve) => {
    request({ socketPath: serve.paths.api, path: '/api/v1/status' }, (response) =>
      resolve(json(response) as Promise<Status>),
    )
      .on('error', () => resolve(undefined))
      .end();
  });
}

async function countsOf(clickhouse: TestClickhouse): Promise<unknown[]> {
  const rows = await clickhouse.rows(`SELECT
    (SELECT count() FROM weir.ends WHERE comm = 'past'), (SELECT sum(ended) FROM weir.traffic_minutes WHERE comm = 'past'),
    (SELECT sum(bytes_sent) FROM weir.traffic_hours WHERE comm = 'past')`);
  return rows[0]!;
}

it('all rows are in ClickHouse once, and the password is nowhere', {
  skip: withoutClickhouse(),
}, async (context) => {
  const clickhouse = await Clickhouse.start(context);
  await clickhouse.behave({ login: `weir:${PASSWORD}` });
  const paths = Serve.nextPaths();
  mkdirSync(dirname(paths.history), { recursive: true });
  await makePastHours(paths.history);
  execFileSync('chown', ['-R', 'nobody:', paths.server]);
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`);
  chmodSync(passwordFile, 0o644);
  const config = join(folder, 'serve.yaml');
  writeFileSync(config, `store: {url: "clickhouse://nobody-there:1/x", passwordFile: ${passwordFile}}\n`);
  using netns = new TestNetns();
  const address = clickhouse.address.replace('://', '://weir@');
  using serve = new Serve(netns, '--config', config, '--store', address);
  await serve.ready();
  const inserts = () => clickhouse.asked.filter(({ sql }) => sql.endsWith('FORMAT Parquet')).length;
  await until('it ships', () => inserts() >= 2);
  process.kill(serve.server!, 'SIGKILL');
  await until('all is shipped', async () => {
    const shipping = (await statusOf(serve))?.shipping;
    return shipping?.state === 'shipping' && shipping.waiting_rows === 0 && shipping.last !== undefined;
  });
  const rows = HOURS * ROWS;
  clickhouse.login = `weir:${PASSWORD}`;
  assert.deepEqual(await countsOf(clickhouse), [rows, rows, (rows * (rows - 1)) / 2].map(String));
  const { status, stdout, stderr } = await serve.collector.end('SIGINT');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /made the tables in ClickHouse at clickhouse:\/\/127\.0\.0\.1:\d+\/weir\n/);
  assert.doesNotMatch(stdout + stderr, new RegExp(PASSWORD));
});
