/**
 * Two balancers for one VIP, real connections to real servers, and a router that sends them to one balancer or the other while a
 * real is added and another is removed: with shared flows all connections live on, without them some break.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Decapsulator } from '@weir/balancer';
import type { Status } from '@weir/balancer/control';
import { withNetns } from '@weir/ebpf/sys';
import { connectNamespaces, makeNamespace } from '../src/balance/try/namespaces.js';
import { balance, balanceOk } from './support/balance.js';
import { BalancerProcesses, ip } from './support/balancer-network.js';
import type { WeirProcess } from './support/command.js';
import { makeRealsNetwork } from './support/reals-network.js';

const VIP = '198.51.100.1';
const CONNECTIONS = 60;
const PORT = 8850;
const CAP_DAC_OVERRIDE = 1n << 1n;

const folder = mkdtempSync(join(tmpdir(), 'weir-sync-'));
const keyFile = join(folder, 'key');
writeFileSync(keyFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
const network = makeRealsNetwork(VIP, 3);
const second = makeNamespace();
connectNamespaces({ device: 'c9', network: '3.0' }, second, 'b0');
// A network of the balancers' own.
withNetns(network.balancer, () => {
  ip('link add s0 type veth peer name s1');
  ip(`link set s1 netns /proc/${process.pid}/fd/${second}`);
  ip('address add 10.4.0.1/24 dev s0');
  ip('link set s0 up');
});
withNetns(second, () => {
  ip('address add 10.4.0.2/24 dev s1');
  ip('link set s1 up');
});

interface End {
  readonly name: string;
  readonly file: string;
  /** The address to which the router sends packets of the VIP. */
  readonly via: string;
  readonly own: string;
  readonly other: string;
  readonly processes: BalancerProcesses;
}

const ends = (['a', 'b'] as const).map((name, index): End => {
  const file = join(folder, `${name}.yaml`);
  const addresses = ['10.4.0.1', '10.4.0.2'];
  return {
    name,
    file,
    via: ['10.1.0.2', '10.3.0.2'][index]!,
    own: addresses[index]!,
    other: addresses[1 - index]!,
    processes: new BalancerProcesses([network.balancer, second][index]!, file),
  };
});
const [a, b] = ends as [End, End];

const decapsulators: Decapsulator[] = [];
/** Both ends: once the balancers have ended, neither end hears that the other one has. */
const sockets = new Set<Socket>();
const servers = network.reals.map((namespace, index) =>
  withNetns(namespace, () => {
    decapsulators.push(Decapsulator.open({ interfaces: ['r0'], addresses: [`10.2.${index + 1}.2`] }));
    return createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write(`r${index + 1}`));
    }).listen(80);
  }),
);

after(() => {
  for (const socket of sockets) socket.destroy();
  for (const { processes } of ends) processes[Symbol.dispose]();
  for (const server of servers) server.close();
  for (const decapsulator of decapsulators) decapsulator[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

type Sharing = 'peers' | 'multicast' | 'none';

function write({ name, file, via, own, other }: End, reals: readonly number[], sharing: Sharing): void {
  const list = reals.map((number) => `{name: r${number}, address: 10.2.${number}.2}`).join(', ');
  const others =
    sharing === 'peers'
      ? `peers: ['${other}:${PORT}']`
      : `multicast: {group: 239.255.0.81, interface: ${own}}`;
  const sync =
    sharing === 'none'
      ? ''
      : `sync: {listen: '${own}:${PORT}', ${others}, keyFile: ${keyFile}, flows: 10000}\n`;
  writeFileSync(
    file,
    `name: ${name}
interface: b0
mode: generic
router: ${via.replace(/2$/, '1')}
options: {flows: 60000, maxReals: 64, maxServerIds: 64, maxSourceRoutes: 64, maxGlobalFlows: 64}
${sync}vips:
  - {name: web, address: ${VIP}, port: 80, protocol: tcp, reals: [${list}]}
`,
  );
}

async function start(reals: readonly number[], sharing: Sharing): Promise<readonly WeirProcess[]> {
  return Promise.all(
    ends.map((end) => {
      write(end, reals, sharing);
      return end.processes.start();
    }),
  );
}

async function stop(): Promise<void> {
  for (const { name } of ends) await balanceOk('stop', '--name', name);
}

async function apply(reals: readonly number[], sharing: Sharing): Promise<void> {
  for (const end of ends) {
    write(end, reals, sharing);
    await balanceOk('apply', end.file, '--name', end.name);
  }
}

async function status({ name }: End): Promise<NonNullable<Status['sync']>> {
  const { sync } = JSON.parse(
    await balanceOk('status', '--json', '--interval', '1ms', '--name', name),
  ) as Status;
  assert.ok(sync !== undefined);
  return sync;
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(20))
    assert.ok(Date.now() < deadline, what);
}

/** Has packets of the VIP go to a balancer. */
function routeTo({ via }: End): void {
  ip(`route replace ${VIP} via ${via}`);
}

interface Connection {
  readonly socket: Socket;
  readonly real: string;
}

async function talk(socket: Socket): Promise<string> {
  const answer = once(socket, 'data', { signal: AbortSignal.timeout(60_000) });
  socket.write('x');
  return String((await answer)[0]);
}

async function open(count: number): Promise<Connection[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(80, VIP);
      sockets.add(socket);
      await once(socket, 'connect');
      return { socket, real: await talk(socket) };
    }),
  );
}

/** How many of the connections still have their real. */
async function living(connections: readonly Connection[]): Promise<number> {
  const answers = await Promise.all(
    connections.map(async ({ socket, real }) => (await talk(socket).catch(() => 'broken')) === real),
  );
  return answers.filter(Boolean).length;
}

async function flowsOf({ name }: End): Promise<number> {
  const text = await balanceOk('flows', 'list', '--json', '--name', name);
  return text.split('\n').filter((line) => line.includes('"sourcePort"')).length;
}

it('without shared flows, some connections break when they move while a real is added', async () => {
  await start([1, 2], 'none');
  routeTo(a);
  const connections = await open(CONNECTIONS);
  await apply([1, 2, 3], 'none');
  routeTo(b);
  const alive = await living(connections);
  assert.ok(alive < CONNECTIONS && alive > 0, `${alive} of ${CONNECTIONS}`);
  await stop();
});

it('with shared flows, none breaks that moves to and fro while reals are added and removed', async () => {
  const processes = await start([1, 2], 'peers');
  routeTo(a);
  const first = await open(CONNECTIONS);
  await until(async () => (await status(b)).learned.applied >= CONNECTIONS, 'flows at the second balancer');
  await apply([1, 2, 3], 'peers');
  routeTo(b);
  assert.equal(await living(first), CONNECTIONS);
  const { learned } = await status(a);
  const more = await open(CONNECTIONS);
  const both = [...first, ...more];
  // Those that moved, and the new ones.
  await until(
    async () => (await status(a)).learned.applied >= learned.applied + CONNECTIONS,
    'flows at the first balancer',
  );
  await apply([2, 3], 'peers');
  const kept = both.filter(({ real }) => real !== 'r1');
  assert.ok(kept.some(({ real }) => real === 'r3') && kept.length < both.length);
  routeTo(a);
  assert.equal(await living(kept), kept.length);
  const { refused, peers } = await status(a);
  assert.deepEqual(Object.values(refused).filter(Boolean), []);
  assert.deepEqual([peers.length, peers[0]!.address, peers[0]!.lost], [1, '10.4.0.2', 0]);
  assert.match(
    await balanceOk('status', '--interval', '1ms', '--name', 'b'),
    /\nsync {2}\d+ flows sent, \d+ learned, .*\n {2}10\.4\.0\.1 {2}lag /,
  );
  for (const { pid } of processes) {
    const [, effective] = /^CapEff:\s+(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
    assert.equal(BigInt(`0x${effective}`) & CAP_DAC_OVERRIDE, 0n);
  }
});

it('a purge on one balancer removes the flows on the other as well', async () => {
  assert.ok((await flowsOf(b)) > 0);
  await balanceOk('flows', 'purge', 'web', '--name', 'a');
  await until(async () => (await flowsOf(b)) === 0, 'no flow at the second balancer');
  assert.ok((await status(b)).removals >= 1);
  await stop();
});

it('flows come by multicast as well', async () => {
  await start([2, 3], 'multicast');
  routeTo(a);
  await open(10);
  await until(async () => (await status(b)).learned.applied >= 10, 'flows by multicast');
  await stop();
});

it('without its key file no balancer begins, and check warns of it', async () => {
  write(a, [2, 3], 'peers');
  const text = readFileSync(a.file, 'utf8');
  writeFileSync(a.file, text.replace(keyFile, `${keyFile}-lost`));
  const checked = await balance('check', a.file);
  assert.match(`${checked.stdout}${checked.stderr}`, /key-lost is not there/);
  await assert.rejects(a.processes.start(), /ENOENT.*key-lost/);
  assert.match((await balance('status', '--name', 'a')).stderr, /a/);
});
