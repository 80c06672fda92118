/** The commands of reals: packets that `weir balance run` sends are decapsulated, and TCP server ids find their real. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DecapsulatorStatus, ServerIdStatus } from '@weir/balancer';
import { withNetns } from '@weir/ebpf/sys';
import { balance, balanceOk } from './support/balance.js';
import { BalancerProcesses, ip } from './support/balancer-network.js';
import { WeirProcess } from './support/command.js';
import { makeRealsNetwork, spawnIn } from './support/reals-network.js';

const VIP = '198.51.100.1';
const folder = mkdtempSync(join(tmpdir(), 'weir-reals-'));
const file = join(folder, 'balance.yaml');
const { balancer, reals } = makeRealsNetwork(VIP, 2);
const balancers = new BalancerProcesses(balancer, file);

const cgroups = join(folder, 'cgroups');
mkdirSync(cgroups);
execFileSync('mount', ['-t', 'cgroup2', 'cgroup2', cgroups]);
const groupNames = ['real1', 'real2', 'client'].map((name) =>
  join(cgroups, `weir-test-${process.pid}-${name}`),
);
for (const name of groupNames) mkdirSync(name);
const children: ReturnType<typeof spawnIn>[] = [];

async function decapsulateIn(real: number, ...args: string[]): Promise<string> {
  const weir = withNetns(
    reals[real]!,
    () => new WeirProcess(['balance', 'decapsulate', '--name', `real${real + 1}`, ...args]),
  );
  const { status, stdout, stderr } = await weir.ended;
  assert.equal(status, 0, stderr);
  return stdout;
}

function write(weights: readonly number[], more = ''): void {
  const list = weights.map(
    (weight, index) => `{name: r${index + 1}, address: 10.2.${index + 1}.2, weight: ${weight}}`,
  );
  writeFileSync(
    file,
    `name: reals
interface: b0
mode: generic
router: 10.1.0.1
options: {tcpServerIds: true, flows: 3000, maxReals: 64, maxServerIds: 64, maxSourceRoutes: 64, maxGlobalFlows: 64}
vips:
  - {name: web, address: ${VIP}, port: 80, protocol: tcp, reals: [${list.join(', ')}]}
${more}`,
  );
}

/** Sends a line and returns the answer; undefined if none comes. */
async function talk(socket: Socket, patience = 20_000): Promise<string | undefined> {
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.write('x\n');
  return await Promise.race([answer, sleep(patience, undefined, { ref: false })]);
}

const counters = async (name: string): Promise<DecapsulatorStatus['counters']> =>
  (
    JSON.parse(await balanceOk('decapsulate', '--status', '--json', '--name', name)) as DecapsulatorStatus[]
  )[0]!.counters;
const serverIds = async (name: string): Promise<ServerIdStatus['counters']> =>
  (JSON.parse(await balanceOk('server-id', '--status', '--json', '--name', name)) as ServerIdStatus[])[0]!
    .counters;

after(async () => {
  balancers[Symbol.dispose]();
  for (const child of children) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  for (const name of groupNames) rmdirSync(name);
  execFileSync('umount', [cgroups]);
  rmSync(folder, { recursive: true });
});

describe('weir balance decapsulate', () => {
  it('takes the addresses of the device, and stays without a process', async () => {
    const said = await decapsulateIn(0, 'r0');
    assert.match(said, /^decapsulates on r0 what comes to 10\.2\.1\.2; it stays/);
    await decapsulateIn(1, 'r0', '--address', '10.2.2.2');
    assert.match(
      withNetns(reals[0]!, () => ip('link show r0')),
      /xdp/,
    );
  });

  it('has connections reach the reals through the balancer, and counts them', async () => {
    write([1, 0]);
    const server = withNetns(reals[0]!, () => createServer((socket) => socket.end('r1')).listen(80));
    await balancers.start();
    const socket = connect(80, VIP);
    const [data] = await once(socket, 'data');
    assert.equal(String(data), 'r1');
    socket.destroy();
    server.close();
    const { ipip4, gue4 } = await counters('real1');
    assert.ok(ipip4.packets >= 3 && ipip4.bytes > ipip4.packets * 60, JSON.stringify(ipip4));
    assert.equal(gue4.packets, 0);
    assert.match(
      await balanceOk('decapsulate', '--status', '--name', 'real1'),
      /\n {2}IP in IP over IPv4: [\d,]+ packets, /,
    );
    assert.match(
      await balanceOk('decapsulate', '--status', '--metrics'),
      /\nweir_decapsulator_packets_total\{name="real1",encapsulation="ipip",family="ipv4"\} [1-9]/,
    );
  });

  it('run again, goes over to the new options and counts on', async () => {
    const before = await counters('real1');
    await decapsulateIn(0, 'r0', '--address', '10.2.1.2', '--address', '10.2.1.9', '--gue-port', '6090');
    const [status] = JSON.parse(
      await balanceOk('decapsulate', '--status', '--json', '--name', 'real1'),
    ) as DecapsulatorStatus[];
    assert.deepEqual(status!.addresses, ['10.2.1.2', '10.2.1.9']);
    assert.equal(status!.guePort, 6090);
    assert.ok(status!.counters.ipip4.packets >= before.ipip4.packets);
  });

  it('refuses what makes no sense in one line', async () => {
    for (const args of [
      [],
      ['r9'],
      ['r0', '--detach'],
      ['--json'],
      ['r0', '--name', '../x'],
      ['r0', '--address', 'y'],
    ]) {
      const { code, stderr } = await balance('decapsulate', ...args);
      assert.notEqual(code, 0, args.join(' '));
      assert.match(stderr, /^weir: [^\n]+\n$/, args.join(' '));
    }
  });
});

describe('weir balance server-id', () => {
  it('leads a connection to its real after the flow table is lost and the ring changed', async () => {
    for (const [index, namespace] of reals.entries()) {
      const group = groupNames[index]!;
      await balanceOk('server-id', String(index + 7), '--cgroup', group, '--name', `real${index + 1}`);
      const script = `require('net').createServer((s) => { s.on('error', () => {}); s.on('data', () => s.write('r${index + 1}')); }).listen(80, () => console.log('up'))`;
      const child = spawnIn(namespace, group, script);
      children.push(child);
      await once(child.stdout, 'data');
    }
    await balanceOk('server-id', '--return', '--cgroup', groupNames[2]!, '--name', 'client');
    await balanceOk('stop');
    write([1, 0], 'serverIds: [{id: 7, real: 10.2.1.2}, {id: 8, real: 10.2.2.2}]\n');
    await balancers.start();
    writeFileSync(join(groupNames[2]!, 'cgroup.procs'), String(process.pid));
    const socket = connect(80, VIP);
    await once(socket, 'connect');
    writeFileSync(join(cgroups, 'cgroup.procs'), String(process.pid));
    socket.on('error', () => undefined);
    assert.equal(await talk(socket), 'r1');
    assert.equal((await serverIds('client')).learned, 1);
    assert.equal((await serverIds('real1')).confirmed, 1);

    // A flow of a client that does not take part, for comparison.
    const plain = connect(80, VIP);
    plain.on('error', () => undefined);
    assert.equal(await talk(plain), 'r1');

    await balanceOk('stop');
    write([0, 1], 'serverIds: [{id: 7, real: 10.2.1.2}, {id: 8, real: 10.2.2.2}]\n');
    await balancers.start();
    assert.equal(await talk(socket), 'r1');
    assert.notEqual(await talk(plain, 2_000), 'r1');
    const { returned } = await serverIds('client');
    assert.ok(returned >= 3, String(returned));
    const next = connect(80, VIP);
    assert.equal(await talk(next), 'r2');
    for (const each of [socket, plain, next]) each.destroy();
  });

  it('shows what it did, and leaves nothing once it is detached', async () => {
    assert.match(
      await balanceOk('server-id', '--status', '--name', 'real1'),
      /^real1 {2}server id 7 .*\n {2}\d+ connections accepted\n/,
    );
    assert.match(
      await balanceOk('server-id', '--status', '--metrics'),
      /\nweir_server_id_learned_total\{name="client"\} 1\n/,
    );
    for (const name of ['real1', 'real2', 'client']) await balanceOk('server-id', '--detach', '--name', name);
    assert.equal(existsSync('/sys/fs/bpf/weir-server-id'), false);
    for (const name of ['real1', 'real2']) await balanceOk('decapsulate', '--detach', '--name', name);
    assert.equal(existsSync('/sys/fs/bpf/weir-decapsulator'), false);
    assert.doesNotMatch(
      withNetns(reals[0]!, () => ip('link show r0')),
      /xdp/,
    );
    await balanceOk('stop');
  });
});
