/** Two hosts ship to ClickHouse, and `weir serve --read` answers about both: connections between them count once, also through NAT. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HistoryStore } from '@weir/history';
import { asNobody, runWeir, WeirProcess } from './support/command.js';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { folder, port } from './support/serve.js';
import { runClient, startListener } from './support/talker.js';

const { TestClickhouse, withoutClickhouse } = (await import(
  new URL('../../../history/dist/test/support/clickhouse-server.js', import.meta.url).href
)) as typeof import('../../history/test/support/clickhouse-server.js');
const { ship } = (await import(
  new URL('../../../history/dist/test/support/two-databases.js', import.meta.url).href
)) as typeof import('../../history/test/support/two-databases.js');

const COUNT = 20;
/** The client of number n sends 100 and n bytes. */
const BYTES = COUNT * 100 + (COUNT * (COUNT - 1)) / 2;
const [CLIENT, FRONT, BACK, SERVER] = ['10.9.0.2', '10.9.0.1', '10.8.0.1', '10.8.0.2'] as const;
const rules = `table ip weir {
  chain before { type nat hook prerouting priority -100; tcp dport 80 dnat to ${SERVER}:8080; }
  chain after { type nat hook postrouting priority 100; ip daddr ${SERVER} masquerade; }
}`;

function ip(netns: TestNetns, ...args: readonly string[]): void {
  execFileSync('ip', ['-n', netns.name, ...args]);
}

function connect(router: TestNetns, end: TestNetns, device: string, near: string, far: string): void {
  ip(router, 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth', 'netns', end.name);
  ip(router, 'addr', 'add', `${near}/24`, 'dev', device);
  ip(router, 'link', 'set', device, 'up');
  ip(end, 'addr', 'add', `${far}/24`, 'dev', 'eth');
  ip(end, 'link', 'set', 'eth', 'up');
}

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
  const store = await HistoryStore.open({ folder: serve.paths.history, minimumFreeBytes: 0 });
  try {
    const later = BigInt(Date.now() + 7_200_000) * 1_000_000n;
    const batch = {
      epoch: 'e'.repeat(32),
      number: 1,
      started: later,
      time: later,
      monotonic_ns: 1,
      goodbye: true,
    };
    await store.append({ host_id: 1n, ...batch });
    await store.maintain();
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

async function startReading(context: TestContext, address: string): Promise<void> {
  const own = join(folder, 'read');
  mkdirSync(own, { mode: 0o755 });
  chownSync(own, 65_534, 65_534);
  const args = [
    'serve',
    '--read',
    address,
    '--folder',
    own,
    '--listen',
    `127.0.0.1:${port}`,
    '--ready-fd',
    '3',
  ];
  const reading = new WeirProcess(args, asNobody());
  context.after(() => reading[Symbol.dispose]());
  await reading.ready();
}

it('weir serve --read counts connections between two hosts once, and joins their ends through NAT', {
  skip: withoutClickhouse(),
}, async (context) => {
  using router = new TestNetns();
  using client = new TestNetns();
  using server = new TestNetns();
  connect(router, client, 'front', FRONT, CLIENT);
  connect(router, server, 'back', BACK, SERVER);
  const within = ['netns', 'exec', router.name];
  execFileSync('ip', [...within, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
  execFileSync('ip', [...within, 'nft', '-f', '-'], { input: rules });
  const clickhouse = await TestClickhouse.start(context);
  using one = new KilledServe(client, { prefix: asHost('one', 1) });
  using two = new KilledServe(server, { prefix: asHost('two', 2) });
  await Promise.all([one.ready(), two.ready()]);
  using _listener = await startListener(server, SERVER, 8080);
  await runClient(client, 'once', FRONT, '80', `${COUNT}`);
  await sleep(500);
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
