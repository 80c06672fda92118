/** Two hosts ship to ClickHouse, and `weir serve --read` answers about both: connections between them count once, also through NAT. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { runWeir } from './support/command.js';
import { KilledServe } from './support/killed-serve.js';
import { openPast, ship, startReading, TestClickhouse, withoutClickhouse } from './support/reading.js';
import { FRONT, SERVER, TwoHosts } from './support/routers.js';
import { folder, port } from './support/serve.js';
import { runClient, startListener } from './support/talker.js';

const COUNT = 20;
/** The client of number n sends 100 and n bytes. */
const BYTES = COUNT * 100 + (COUNT * (COUNT - 1)) / 2;

/** A command that runs another one as on a host with a name and an id of its own. */
function asHost(name: string, number: number): string[] {
  const file = join(folder, `machine-id-${name}`);
  writeFileSync(file, `${String(number).padStart(32, '0')}\n`);
  const id = existsSync('/etc/machine-id') ? `mount --bind ${file} /etc/machine-id && ` : '';
  return ['unshare', '--mount', '--uts', 'sh', '-c', `${id}hostname ${name} && exec "$@"`, 'sh'];
}

/** Ships what a host has recorded, as if its hour were over. */
async function shipHour(clickhouse: Parameters<typeof ship>[0], serve: KilledServe): Promise<void> {
  await serve.end();
  const store = await openPast(serve.paths.history);
  try {
    await ship(clickhouse, store);
  } finally {
    await store.close();
  }
}

interface Answers {
  readonly total: {
    readonly connections: number;
    readonly bytes_sent: number;
    readonly bytes_received: number;
  };
  readonly nodes: readonly {
    readonly id: string;
    readonly kind: string;
    readonly name: string;
    readonly host?: string;
  }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly port: number;
    readonly bytes_sent: number;
  }[];
  readonly connections: readonly { readonly host: string; readonly connection_id: string }[];
}

async function get(path: string): Promise<Answers> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as Answers;
}

it('weir serve --read counts connections between two hosts once, and joins their ends through NAT', {
  skip: withoutClickhouse(),
}, async (context) => {
  using hosts = new TwoHosts();
  const { client, server } = hosts;
  const clickhouse = await TestClickhouse.start(context);
  using one = new KilledServe(client, { prefix: asHost('one', 1) });
  using two = new KilledServe(server, { prefix: asHost('two', 2) });
  await Promise.all([one.ready(), two.ready()]);
  using _listener = await startListener(server, SERVER, 8080);
  await runClient(client, 'once', FRONT, '80', `${COUNT}`);
  await hosts.ended();
  for (const serve of [one, two]) await shipHour(clickhouse, serve);
  await startReading(context, clickhouse.address);
  const { total } = await get('groups?range=-1h&by=host');
  assert.deepEqual([total.connections, total.bytes_sent], [COUNT, BYTES]);
  const { nodes, edges } = await get('map?range=-1h&by=host');
  const nameOf = (id: string) => nodes.find((node) => node.id === id)?.name;
  assert.deepEqual(
    edges.map((edge) => [nameOf(edge.from), nameOf(edge.to), edge.port, edge.bytes_sent]),
    [['one', 'two', 80, BYTES]],
  );
  const { status, stdout, stderr } = await runWeir([
    'query',
    '-1h',
    '--json',
    '--url',
    `http://127.0.0.1:${port}`,
  ]);
  assert.equal(status, 0, stderr);
  const ends = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answers['connections'][number]);
  const ids = new Map<string, Set<string>>();
  for (const { connection_id: id, host } of ends) ids.set(id, (ids.get(id) ?? new Set()).add(host));
  assert.equal(ends.length, 2 * COUNT);
  assert.deepEqual(
    [...ids.values()].map(({ size }) => size),
    Array(COUNT).fill(2),
  );
  const { connections } = await get(`connections/${ends[0]!.connection_id}`);
  assert.equal(connections.length, 2);
});

it('weir serve --read ends with one line where ClickHouse refuses it', {
  skip: withoutClickhouse(),
}, async (context) => {
  const clickhouse = await TestClickhouse.start(context);
  const args = [
    'serve',
    '--read',
    clickhouse.address,
    '--folder',
    join(folder, 'none'),
    '--listen',
    '127.0.0.1:0',
  ];
  const { status, stderr } = await runWeir(args);
  assert.equal(status, 2, stderr);
  assert.match(stderr, /^weir: ClickHouse at clickhouse:\S+ has no tables of Weir in this database: .*\n$/);
});

it('weir serve --read refuses what only a server that records does, and makes no folder for it', async () => {
  const own = join(folder, 'refused');
  const file = join(folder, 'peers.yaml');
  writeFileSync(file, 'peers: [{url: "https://db-1.example:9436"}]\n');
  const nothing = 'nothing is recorded with --read: leave it out';
  for (const [args, message] of [
    [['--peers', 'http://db-1:9436', '--insecure'], `--peers: ${nothing}`],
    [['--filter', 'proc=nginx'], `--filter: ${nothing}`],
    [['--store', 'clickhouse://h/d'], `--store: ${nothing}`],
    [['--sweep', '1s'], `--sweep: ${nothing}`],
    [
      ['--config', file],
      '--read: nothing is recorded with it, and the configuration file has peers: leave one out',
    ],
  ] as const) {
    const { status, stderr } = await runWeir([
      ...['serve', '--read', 'clickhouse://127.0.0.1:1/weir', '--folder', own, ...args],
    ]);
    assert.deepEqual([status, stderr], [2, `weir: ${message}\n`]);
  }
  assert.equal(existsSync(own), false);
});
