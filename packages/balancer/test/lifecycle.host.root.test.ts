/** The lifecycle of a balancer with real connections: killed, restarted, upgraded, detached. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mapIds, openPinnedMap, Program } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import type { BalancerOptions } from '../src/index.js';
import { BalancerProcess, endProcesses } from './support/balancer-process.js';
import { BALANCER_DEVICE, ip, makeNetwork, ROUTER_MAC, VIP } from './support/network.js';

const PORT = 8080;
const service = { address: VIP, port: PORT, protocol: 'tcp' } as const;
const { balancer, reals } = makeNetwork(2);
const addresses = reals.map(({ address }) => address);
const options: BalancerOptions = {
  interface: BALANCER_DEVICE,
  pin: 'test',
  flows: 3000,
  maxGlobalFlows: 64,
  maxServerIds: 64,
  maxSourceRoutes: 64,
};
const servers: Server[] = [];

/** Each real echoes its input, with its number in front. */
for (const [i, { namespace }] of reals.entries()) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(`${i}:${data.toString()}`));
  });
  withNetns(namespace, () => {
    server.listen(PORT);
  });
  servers.push(server);
}

function start(): BalancerProcess {
  return BalancerProcess.start(balancer);
}

/** A connection through the balancer that repeatedly sends a message and waits for the echo. */
class Talk {
  readonly #socket: Socket;
  #rounds = 0;
  #real: string | undefined;
  #failure: Error | undefined;
  #ended = false;

  /** Those that have not ended, which would keep the process alive. */
  static readonly going = new Set<Socket>();

  constructor() {
    this.#socket = connect({ host: VIP, port: PORT });
    Talk.going.add(this.#socket);
    this.#socket.on('close', () => Talk.going.delete(this.#socket));
    this.#socket.setNoDelay(true);
    this.#socket.on('connect', () => this.#socket.write('0'));
    this.#socket.on('error', (error) => {
      this.#failure = error;
    });
    this.#socket.on('data', (data) => {
      const [real, round] = data.toString().split(':');
      this.#real ??= real;
      if (real !== this.#real || round !== String(this.#rounds)) this.#failure = new Error(`got ${data}`);
      this.#rounds++;
      if (!this.#ended) setTimeout(() => this.#socket.write(String(this.#rounds)), 2);
    });
  }

  get real(): string | undefined {
    return this.#real;
  }

  /** Waits for a number of further rounds. */
  async more(rounds: number): Promise<void> {
    const enough = this.#rounds + rounds;
    const deadline = Date.now() + 60_000;
    while (this.#rounds < enough) {
      if (this.#failure !== undefined) throw this.#failure;
      assert.ok(Date.now() < deadline, `${this.#rounds} of ${enough} rounds`);
      await sleep(5);
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}

/** Opens connections to all reals, at least two to each. */
async function talkToAll(): Promise<Talk[]> {
  const talks: Talk[] = [];
  for (let i = 0; i < 50; i++) {
    talks.push(new Talk());
    await talks[i]!.more(1);
    const counts = reals.map((_, n) => talks.filter(({ real }) => real === String(n)).length);
    if (counts.every((count) => count >= 2)) return talks;
  }
  return assert.fail('the ring has only one real');
}

async function all(talks: readonly Talk[]): Promise<void> {
  await Promise.all(talks.map((each) => each.more(3)));
}

/** Number of TCP segments that the client has sent. It is alone in its namespace. */
function sent(): number {
  const [names, values] = readFileSync('/proc/thread-self/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  const value = (name: string) => Number(values![names!.indexOf(name)]);
  return value('OutSegs') + value('RetransSegs');
}

/** Asserts that every segment left the tunnel at a real: none was lost, or left to the host for want of a program. */
async function nothingLost(): Promise<void> {
  const deadline = Date.now() + 60_000;
  let counts: number[];
  do {
    const arrived = reals.reduce((sum, { decapsulator }) => sum + Number(decapsulator.packets), 0);
    counts = [sent(), arrived];
    if (counts[0] === counts[1]) return;
    await sleep(1);
  } while (Date.now() < deadline);
  assert.fail(`${counts[0]} sent, ${counts[1]} arrived`);
}

function linkOf(): string {
  return withNetns(balancer, () => ip(`-d link show ${BALANCER_DEVICE}`));
}

function programIdOf(): string | undefined {
  return /prog\/xdp id (\d+)/.exec(linkOf())?.[1];
}

describe('a pinned balancer', () => {
  after(() => {
    endProcesses();
    for (const socket of Talk.going) socket.destroy();
    for (const server of servers) server.close();
    for (const { decapsulator } of reals) decapsulator[Symbol.dispose]();
  });

  it('a pinned balancer resumes in another process, loses no connection or packet, and leaves nothing', async () => {
    const ids: string[] = [];
    const first = start();
    assert.equal(await first.open(options), false);
    assert.deepEqual(await first.call('interfaces'), [{ interface: BALANCER_DEVICE, mode: 'native' }]);
    const [router] = await first.call('routers');
    assert.deepEqual(router, {
      interface: BALANCER_DEVICE,
      address: '10.1.0.1',
      mac: ROUTER_MAC,
      state: 'known',
    });
    const both = addresses.map((address) => ({ address }));
    await first.call('setService', service, { reals: both });
    await first.call('setServerId', 7, '10.2.9.9');
    await first.call('setSourceRoute', '203.0.113.0/24', '10.2.9.8');
    ids.push(...pinnedIds());
    const talks = await talkToAll();

    // Real 1 is drained, so that only the flow tables keep its connections.
    await first.call('setService', service, { reals: [both[0]!, { ...both[1]!, weight: 0 }] });
    await all(talks);
    const counted = await first.call('counters');
    await first.kill();
    await all(talks);
    await nothingLost();

    const second = start();
    assert.equal(await second.open({ ...options, udpIdleSeconds: 20 }), true);
    await all(talks);
    await nothingLost();
    ids.push(...pinnedIds());
    const program = programIdOf();
    const [served] = await second.call('services');
    assert.deepEqual(served?.service, service);
    assert.deepEqual(served?.spec, { reals: [both[0], { ...both[1], weight: 0 }] });
    assert.deepEqual(await second.call('serverIds'), [{ id: 7, address: '10.2.9.9' }]);
    assert.deepEqual(await second.call('sourceRoutes'), [{ prefix: '203.0.113.0/24', address: '10.2.9.8' }]);
    const { transmitted, flowHit } = await second.call('counters');
    assert.ok(transmitted > counted.transmitted && flowHit > counted.flowHit, 'counters go on');
    assert.deepEqual(
      (await second.call('reals')).map(({ address }) => address).sort(),
      [...addresses, '10.2.9.8', '10.2.9.9'].sort(),
    );

    // The second process makes changes, too, and its successor has other sizes of all tables.
    await second.call('setService', service, { reals: [...both, { address: '10.2.3.2', weight: 0 }] });
    await second.kill();
    const third = start();
    const other = { ...options, maxReals: 100, maxServerIds: 1000, maxSourceRoutes: 10, maxGlobalFlows: 10 };
    assert.equal(await third.open({ ...other, maxFrame: 2000 }), true);
    ids.push(...pinnedIds());
    assert.notEqual(programIdOf(), program);
    await all(talks);
    await nothingLost();
    assert.deepEqual(await third.call('serverIds'), [{ id: 7, address: '10.2.9.9' }]);
    assert.deepEqual(await third.call('sourceRoutes'), [{ prefix: '203.0.113.0/24', address: '10.2.9.8' }]);

    const fourth = start();
    await assert.rejects(fourth.open(options), new RegExp(`test is run by process ${third.pid} already`));
    await third.kill();
    await assert.rejects(fourth.open({ ...options, flows: 6000 }), /flows 6000: .*forgetFlows allows it/);
    await assert.rejects(
      fourth.open({ ...options, mode: 'generic' }),
      /mode generic: b0 is attached as native/,
    );
    await assert.rejects(fourth.open({ ...options, maxReals: 3 }), /maxReals 3: real number \d is in use/);
    await assert.rejects(
      fourth.open({ ...options, pin: 'rival' }),
      /b0 has an XDP program already: detach it, or have it call/,
    );
    assert.deepEqual(readdirSync('/sys/fs/bpf/weir'), ['test'], 'what failed to begin leaves nothing');
    await all(talks);
    assert.equal(await fourth.open({ ...options, flows: 6000, forgetFlows: true }), true);
    await all(talks);
    for (const each of talks) await each.end();
    ids.push(...pinnedIds());
    assert.ok(ids.length > 40);

    await fourth.call('detach');
    assert.doesNotMatch(linkOf(), /xdp/);
    assert.ok(!existsSync('/sys/fs/bpf/weir'));
    await fourth.kill();
    await allGone(ids);
  });
});

/** Ids of the balancer's pinned maps and programs. */
function pinnedIds(): string[] {
  const folder = '/sys/fs/bpf/weir/test';
  const paths = readdirSync(folder).flatMap((name) =>
    /^g\d+$/.test(name) ? readdirSync(join(folder, name)).map((pin) => join(folder, name, pin)) : [],
  );
  return paths.map((path) => {
    if (path.includes('/program_')) {
      using program = Program.openPinned(path);
      return `program ${program.id}`;
    }
    using map = openPinnedMap(path);
    return `map ${map.info().id}`;
  });
}

/** The kernel frees maps and programs some time after their last reference. */
async function allGone(ids: readonly string[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  let left: string[] = [];
  do {
    const existing = new Set([...mapIds()].map((id) => `map ${id}`));
    const { stdout } = spawnSync('bpftool', ['prog', 'list'], { encoding: 'utf8' });
    for (const [, id] of stdout.matchAll(/^(\d+):/gm)) existing.add(`program ${id}`);
    left = ids.filter((id) => existing.has(id));
    if (left.length === 0) return;
    await sleep(50);
  } while (Date.now() < deadline);
  assert.fail(`what still exists: ${left.join(', ')}`);
}
