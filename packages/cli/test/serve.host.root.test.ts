/** `weir serve` as two processes: what it remembers, who they are, and what the death of either leaves. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HistoryStore } from '@weir/history';
import { queryConnections } from '@weir/history/query';
import { servePaths } from '@weir/server/serve';
import { WeirProcess } from './support/command.js';
import { TestNetns } from './support/load.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-serve-'));
// The server's user passes through it.
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
let runs = 0;

const ALL = { from: 0n, to: 2n ** 62n };
const COUNT = 50;
const [SENT, REPLIED] = [77, 1234];

/** A port that nothing listened at just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
const port = await freePort();

class Serve implements Disposable {
  readonly paths;
  readonly args: readonly string[];
  #weir: WeirProcess;

  constructor(netns: TestNetns, ...more: readonly string[]) {
    this.paths = servePaths(join(folder, `${runs++}`));
    this.args = [
      'serve',
      '--folder',
      this.paths.folder,
      '--netns',
      netns.name,
      '--sweep',
      '1s',
      '--listen',
      `127.0.0.1:${port}`,
      '--ready-fd',
      '3',
      ...more,
    ];
    this.#weir = new WeirProcess(this.args);
  }

  get collector(): WeirProcess {
    return this.#weir;
  }

  /** The server's process id; undefined where none has said it. */
  get server(): number | undefined {
    if (!existsSync(this.paths.pid)) return undefined;
    const pid = Number(readFileSync(this.paths.pid, 'utf8'));
    return pid > 1 ? pid : undefined;
  }

  async ready(): Promise<void> {
    await this.#weir.ready();
  }

  /** Kills the collector, and starts another in the same folder. */
  async replaceCollector(): Promise<void> {
    await this.#weir.end('SIGKILL');
    this.#weir = new WeirProcess(this.args);
    await this.ready();
  }

  /** Ends it in order, and opens what it has left. */
  async history(): Promise<HistoryStore> {
    const { status, stderr } = await this.#weir.end('SIGINT');
    assert.equal(status, 0, stderr);
    assert.ok(!existsSync(this.paths.socket), 'the socket is gone');
    assert.ok(!existsSync(this.paths.pid), 'the server is gone');
    assert.deepEqual(readdirSync(this.paths.spool), []);
    return HistoryStore.open({ folder: this.paths.history, readOnly: true });
  }

  [Symbol.dispose](): void {
    this.#weir[Symbol.dispose]();
    const { server } = this;
    if (server !== undefined && existsSync(`/proc/${server}`)) process.kill(server, 'SIGKILL');
  }
}

const load = (netns: TestNetns) =>
  netns.load('pairs', '--count', `${COUNT}`, '--send', `${SENT}`, '--reply', `${REPLIED}`);

async function endsIn(history: HistoryStore) {
  const { result, losses } = await queryConnections(history, { range: ALL, limit: 100_000 });
  return { rows: result.rows, losses };
}

function statusOf(pid: number, name: string): string {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${name}:[ \\t]*(.*)$`, 'm'));
  return line![1]!;
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(20))
    assert.ok(Date.now() < deadline, what);
}

describe('weir serve', () => {
  it('remembers every connection with its bytes, each once', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    await load(netns);
    const history = await serve.history();
    const { rows, losses } = await endsIn(history);
    await history.close();
    assert.deepEqual(losses, []);
    assert.equal(rows.length, 2 * COUNT);
    const clients = rows.filter(({ direction }) => direction === 'outbound');
    for (const row of clients)
      assert.deepEqual([row.event, row.bytes_sent, row.bytes_received], ['close', SENT, REPLIED]);
    assert.equal(clients.length, COUNT);
  });

  it('answers at its API while it remembers', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    await load(netns);
    const url = `http://127.0.0.1:${port}/api/v1/connections?range=-10m&filter=direction%3Doutbound&limit=1000`;
    await until('the connections in an answer', async () => {
      const { connections } = (await (await fetch(url)).json()) as { connections: { bytes_sent: number }[] };
      return connections.length === COUNT && connections.every(({ bytes_sent }) => bytes_sent === SENT);
    });
    await (await serve.history()).close();
  });

  it('remembers only what meets the filter', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns, '--filter', 'direction=inbound');
    await serve.ready();
    await load(netns);
    const history = await serve.history();
    const { rows } = await endsIn(history);
    await history.close();
    assert.deepEqual([...new Set(rows.map(({ direction }) => direction))], ['inbound']);
    assert.equal(rows.length, COUNT);
  });

  it('has a server without privileges, and files that nobody else reads', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    const server = serve.server!;
    const [real, effective, saved] = statusOf(server, 'Uid').split('\t');
    assert.ok(Number(real) > 0 && real === effective && real === saved, 'another user than root');
    for (const name of readdirSync(`/proc/${server}/task`)) {
      for (const set of ['CapEff', 'CapPrm', 'CapInh'])
        assert.equal(BigInt(`0x${statusOf(Number(name), set)}`), 0n, `${set} of thread ${name}`);
    }
    assert.equal(statusOf(server, 'Groups').trim(), '');
    assert.equal(statSync(serve.paths.server).mode & 0o777, 0o700);
    assert.equal(statSync(serve.paths.spool).mode & 0o777, 0o700);
    await (await serve.history()).close();
  });

  it('a server that is killed is started again, and nothing is lost or doubled', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    for (let round = 0; round < 3; round++) {
      const server = serve.server!;
      await load(netns);
      process.kill(server, 'SIGKILL');
      await load(netns);
      await until('another server', () => serve.server !== undefined && serve.server !== server);
    }
    const history = await serve.history();
    const { rows, losses } = await endsIn(history);
    await history.close();
    assert.deepEqual(losses, []);
    assert.equal(rows.length, 6 * 2 * COUNT);
    assert.equal(new Set(rows.map(({ flow_ns, flow_cpu }) => `${flow_ns}.${flow_cpu}`)).size, rows.length);
  });

  it('a collector that is killed leaves a loss with its span, and a server that the next one replaces', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    await load(netns);
    await sleep(2_500);
    const { server } = serve;
    await serve.replaceCollector();
    assert.notEqual(serve.server, server);
    const status = existsSync(`/proc/${server}`) ? statusOf(server!, 'State') : 'X';
    assert.match(status, /^[XZ]/, 'the first server has ended');
    await load(netns);
    const history = await serve.history();
    const { rows, losses } = await endsIn(history);
    await history.close();
    assert.equal(rows.length, 2 * 2 * COUNT);
    assert.deepEqual(
      losses.map(({ place, count }) => [place, count]),
      [['collector', undefined]],
    );
    assert.ok(losses[0]!.since! < losses[0]!.time, 'the loss has a span');
  });

  it('refuses a folder that another has, which goes on', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    const { server } = serve;
    using second = new WeirProcess(serve.args);
    const { status, stderr } = await second.ended;
    assert.equal(status, 2);
    assert.match(stderr, /^weir: another weir serve has .*\n$/);
    assert.equal(serve.server, server);
    await (await serve.history()).close();
  });

  it('refuses a folder that others may write to, a user that is not there, and root', async () => {
    using netns = new TestNetns();
    const refused = async (...more: readonly string[]) => {
      using weir = new WeirProcess(['serve', '--netns', netns.name, ...more]);
      const { status, stderr } = await weir.ended;
      assert.equal(status, 2);
      assert.match(stderr, /^weir: [^\n]+\n$/);
      return stderr;
    };
    const open = mkdtempSync(join(folder, 'open-'));
    chmodSync(open, 0o777);
    assert.match(await refused('--folder', open), /may be written by others/);
    const own = ['--folder', join(folder, 'users')];
    const closed = mkdtempSync(join(folder, 'closed-'));
    assert.match(await refused('--folder', join(closed, 'w')), /cannot pass through/);
    assert.match(await refused(...own, '--user', 'nobody-here'), /none of that name/);
    assert.match(await refused(...own, '--user', 'root'), /must not run as root/);
    assert.match(await refused(...own, '--filter', 'direction=sideways'), /direction/);
    assert.match(await refused(...own, '--keep', 'never'), /--keep: expected/);
    assert.match(await refused(...own, '--listen', 'here'), /--listen: expected/);
  });
});
