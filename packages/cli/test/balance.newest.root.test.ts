/**
 * A balancer from `run` to `stop`, on a veth in network namespaces and on file systems of this test's own: this thread is the
 * client, 10.1.0.1 on c0; the balancer has b0.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NamedFlow, Status } from '@weir/balancer/control';
import { readPackets } from '@weir/balancer/packets';
import { withNetns } from '@weir/ebpf/sys';
import { balance, balanceOk, startBalance } from './support/balance.js';
import { BalancerProcesses, ip, makeBalancerNetwork } from './support/balancer-network.js';
import type { WeirProcess } from './support/command.js';

const VIP = '198.51.100.1';
const folder = mkdtempSync(join(tmpdir(), 'weir-balance-'));
const file = join(folder, 'balance.yaml');
const socket = '/run/weir/balance-edge.sock';

/** Descriptor of the balancer's network namespace. */
const namespace = makeBalancerNetwork(VIP);

function write(weight: number, more = ''): void {
  writeFileSync(
    file,
    `name: edge
interface: b0
mode: generic
router: 10.1.0.1
options: {flows: 3000, maxReals: 64, maxServerIds: 64, maxSourceRoutes: 64, maxGlobalFlows: 64}
vips:
  - name: dns
    address: ${VIP}
    port: 53
    protocol: udp
    reals: [{name: a, address: 10.9.0.1}, {name: b, address: 10.9.0.2, weight: ${weight}}]
${more}`,
  );
}

const client = createSocket('udp4');

/** Sends datagrams of one flow to the VIP. */
async function send(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => client.send('x', 53, VIP, resolve));
  }
}

const balancers = new BalancerProcesses(namespace, file);
after(() => {
  balancers[Symbol.dispose]();
  client.close();
  closeSync(namespace);
  rmSync(folder, { recursive: true });
});

async function status(): Promise<Status> {
  return JSON.parse(await balanceOk('status', '--json', '--interval', '1ms')) as Status;
}

/** Packets of the VIP, once there are as many. */
async function packets(atLeast: number): Promise<number> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const count = (await status()).vips[0]!.packets;
    if (count >= atLeast) return count;
    assert.ok(Date.now() < deadline, `${count} of ${atLeast} packets`);
    await sleep(20);
  }
}

/** Nothing is pinned, attached, or left in files. */
function nothingIsLeft(): void {
  assert.equal(existsSync('/sys/fs/bpf/weir'), false);
  assert.deepEqual(readdirSync('/run/weir'), []);
  assert.doesNotMatch(
    withNetns(namespace, () => ip('link show b0')),
    /xdp/,
  );
}

describe('a balancer', () => {
  let weir: WeirProcess;

  it('runs', async () => {
    write(1);
    weir = await balancers.start();
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const { name, interfaces, routers, vips } = await status();
    assert.equal(name, 'edge');
    assert.deepEqual(interfaces, [{ interface: 'b0', mode: 'generic' }]);
    assert.deepEqual([routers[0]!.address, routers[0]!.state], ['10.1.0.1', 'known']);
    assert.deepEqual(
      vips[0]!.reals.map((real) => [real.name, real.ringWeight, real.share, real.drained]),
      [
        ['a', 1, 0.5, false],
        ['b', 1, 0.5, false],
      ],
    );
  });

  it('forwards, and counts', async () => {
    await send(5);
    assert.equal(await packets(5), 5);
    assert.match(
      await balanceOk('status', '--interval', '1ms'),
      /\ndns {2}198\.51\.100\.1:53\/udp {2}unchecked {2}/,
    );
  });

  it("clients learn the MTU that fits into the tunnel from the device's, and the status says so", async () => {
    const { advice = [] } = await status();
    assert.match(advice.join('\n'), /b0 has an MTU of 1500: packets of clients over 1480 bytes are answered/);
    const deadline = Date.now() + 60_000;
    while (!/ mtu 1480 /.test(ip(`route get ${VIP}`))) {
      assert.ok(Date.now() < deadline, ip(`route get ${VIP}`));
      await new Promise((resolve) => client.send(Buffer.alloc(1472), 53, VIP, resolve));
      await sleep(20);
    }
  });

  it('refuses to start beside another one of its name', async () => {
    assert.match(
      (await balance('detach')).stderr,
      /run by .* already: .*; "weir balance stop" ends a balancer/,
    );
    const { code, stderr } = await balance('run', file);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^weir: .* is run by process ${weir.pid} already.*\\n$`));
  });

  it('goes over to a changed file, or refuses it as a whole', async () => {
    write(3, 'tunnelEnds: []\nserverIds: [{id: 7, real: 10.9.0.1}]\n');
    assert.equal(await balanceOk('apply', file), 'VIP dns changed\nserver id 7 added\n');
    write(4, 'metrics: {listen: 192.0.2.99:1}\n');
    const refused = await balance('apply', file);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /EADDRNOTAVAIL.*192\.0\.2\.99/);
    assert.deepEqual(
      (await status()).vips[0]!.reals.map(({ weight }) => weight),
      [1, 3],
    );
    write(3);
  });

  it('drains a real: new flows go elsewhere', async () => {
    assert.equal(await balanceOk('drain', 'dns', 'b'), 'dns: real b is drained\n');
    for (const port of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const answer = await balanceOk('lookup', `192.0.2.1:${port}`, `${VIP}:53`, '--protocol', 'udp');
      assert.equal(answer, 'tx: by the ring, VIP dns, real a (10.9.0.1)\n');
    }
    const { stderr } = await balance('drain', 'dns', 'c');
    assert.equal(stderr, 'weir: dns has no real c: there are a, b\n');
  });

  it('writes packets to a file, with the reason of each', async () => {
    const output = join(folder, 'capture.pcapng');
    const capture = balance('capture', '-o', output, '--count', '3', '--reason', 'ring,flow-table');
    let over = false;
    void capture.then(() => {
      over = true;
    });
    while (!over) {
      await send(1);
      await sleep(10);
    }
    assert.deepEqual(await capture, { code: 0, stdout: '', stderr: 'weir: 3 packets\n' });
    const bytes = readFileSync(output);
    const captured = readPackets(bytes);
    assert.deepEqual(
      captured.map((packet) => [packet.bytes.length, packet.length]),
      // Ethernet, the outer header, IPv4, UDP, one byte.
      Array(3).fill([63, 63]),
    );
    assert.match(bytes.toString('latin1'), /tx: flow-table, VIP dns, real [ab] \(10\.9\.0\.[12]\)/);
  });

  /** The flows that `flows list` finds. */
  async function listed(...filters: string[]): Promise<NamedFlow[]> {
    const text = await balanceOk('flows', 'list', '--json', ...filters);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as NamedFlow);
  }

  it('lists, counts and removes known flows, with few privileges', async () => {
    await send(1);
    const { port } = client.address();
    const [flow] = await listed('--vip', 'dns', '--source', '10.1.0.0/24', '--protocol', 'udp');
    assert.deepEqual([flow!.source, flow!.sourcePort, flow!.vip], ['10.1.0.1', port, 'dns']);
    assert.deepEqual([flow!.state, flow!.destinationPort], ['known', 53]);
    assert.deepEqual(await listed('--source', '10.2.0.0/24'), []);
    assert.match(
      await balanceOk('flows', 'analyse'),
      /\n {2}dns {2}[12] \(100 %\) {2}100 % used within 1 min\n/,
    );
    const ends = [`10.1.0.1:${port}`, `${VIP}:53`, '--protocol', 'udp'];
    assert.match(await balanceOk('lookup', ...ends), /known flow/);
    assert.match(await balanceOk('flows', 'delete', ...ends), /^removed from [12] tables?\n$/);
    assert.match(await balanceOk('lookup', ...ends), /by the ring/);
    assert.equal(await balanceOk('flows', 'delete', ...ends), 'the flow was not known\n');
    const missed = (await status()).vips[0]!.misses!.other;
    await send(1);
    await packets(1);
    const deadline = Date.now() + 60_000;
    while ((await status()).vips[0]!.misses!.other === missed) {
      assert.ok(Date.now() < deadline, 'the packet of the removed flow is no miss');
      await sleep(20);
    }
    const { realName } = (await listed())[0]!;
    assert.match(await balanceOk('flows', 'purge', 'dns', realName!), /^[12] flows? removed\n$/);
    assert.equal(await balanceOk('flows', 'purge', 'dns'), '0 flows removed\n');
    assert.deepEqual(await listed(), []);
    const { stderr } = await balance('flows', 'purge', 'web');
    assert.equal(stderr, 'weir: there is no VIP web: there is dns\n');
    const tables = new Map((await status()).tables!.map(({ name, used }) => [name, used]));
    assert.deepEqual([tables.get('vips'), tables.get('reals')], [1, 2]);
  });

  it('forwards on when it is killed, and the next one goes on where it stopped', async () => {
    const before = (await status()).vips[0]!.packets;
    const gone = once(weir.child, 'exit');
    weir.child.kill('SIGKILL');
    await gone;
    const refused = (await balance('status')).stderr;
    assert.match(refused, /no process answers on/);
    assert.match(
      refused,
      /edge are still forwarded, by program \d+ on [^,]+, pinned in \/sys\/fs\/bpf\/weir\/edge/,
    );
    await send(5);
    weir = await balancers.start();
    assert.equal(await packets(before + 5), before + 5);
    const [{ reals } = { reals: [] }] = (await status()).vips;
    assert.deepEqual(
      reals.map(({ drained, ringWeight, weight }) => [drained, ringWeight, weight]),
      [
        [false, 1, 1],
        [true, 0, 3],
      ],
    );
    assert.equal(await balanceOk('undrain', 'dns', 'b'), 'dns: real b is no longer drained\n');
  });

  it('leaves nothing behind after stop', async () => {
    assert.equal(await balanceOk('stop'), 'stopped\n');
    assert.equal((await weir.ended).status, 0);
    nothingIsLeft();
    assert.deepEqual(await balance('stop'), { code: 1, stdout: '', stderr: 'weir: no balancer runs here\n' });
  });
});

describe('a signal to weir balance run', () => {
  /** Runs it in this process, on the client's device, until a signal comes as soon as it balances. */
  async function runUntil(signal: NodeJS.Signals, ...flags: string[]) {
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('b0', 'c0').replace('10.1.0.1', '02:00:00:00:00:01'),
    );
    const { signals, outcome } = startBalance('run', file, ...flags);
    const deadline = Date.now() + 60_000;
    while (!existsSync(socket)) {
      assert.ok(Date.now() < deadline, 'it never balanced');
      await sleep(20);
    }
    signals.emit(signal, signal);
    return await outcome;
  }

  it('ends the process; packets are forwarded on until stop', async () => {
    write(1);
    const { code, stderr } = await runUntil('SIGTERM');
    assert.equal(code, 0);
    assert.match(stderr, /\nweir: packets are forwarded on; weir balance stop ends that\n$/);
    assert.deepEqual(readdirSync('/sys/fs/bpf/weir'), ['edge']);
    assert.match(ip('link show c0'), /xdp/);
    assert.equal(await balanceOk('stop'), 'no process ran it; taken off\n');
    nothingIsLeft();
  });

  it('a balancer without a process is detached by name; one that runs is not', async () => {
    await runUntil('SIGTERM', '--detach');
    assert.match((await balance('detach')).stderr, /no balancer is pinned here/);
    await runUntil('SIGTERM');
    assert.match((await balance('detach', '--name', 'other')).stderr, /no balancer is pinned here/);
    assert.equal(await balanceOk('detach', '--name', 'edge'), 'detached; nothing is left\n');
    nothingIsLeft();
  });

  it('also ends forwarding with --detach', async () => {
    const { code, stderr } = await runUntil('SIGINT', '--detach');
    assert.deepEqual([code, stderr.includes('forwarded on')], [0, false]);
    nothingIsLeft();
  });
});

describe('weir balance simulate', () => {
  it('handles packets in order, with nothing attached', async () => {
    const frame = `${'02'.repeat(12)}0800${'45000021000000004011'}0000${'c0000201'}${'c6336401'}${'04d20035000d0000'}${'78'.repeat(5)}`;
    const lines = (await balanceOk('simulate', file, '--packet', frame, '--packet', frame)).split('\n');
    assert.match(
      lines[0]!,
      /^packet 1: tx, by the ring: dns \(198\.51\.100\.1:53\/udp\), real [ab] \(10\.9\.0\.[12]\)$/,
    );
    assert.match(lines[1]!, /^ {2}in {3}Ethernet 02:/);
    assert.ok(lines.some((line) => /^packet 2: tx, known flow: /.test(line)));
    assert.ok(lines.some((line) => /^ {7}IPv4 172\.16\..* > 10\.9\.0\.[12], IPv4, TTL 64/.test(line)));
    const json = (
      await balanceOk('simulate', file, '--json', '--packet', 'ffffffffffff0200000000020806')
    ).trim();
    const line = JSON.parse(json);
    assert.deepEqual([line.verdict, line.reason, line.out], ['pass', 'not-ip', undefined]);
  });
});
