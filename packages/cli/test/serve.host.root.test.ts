/** `weir serve` as two processes: what it remembers, who they are, and what the death of either leaves. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryStore } from '@weir/history';
import { queryConnections } from '@weir/history/query';
import { serverPlaces } from '@weir/server';
import { servePaths } from '@weir/server/serve';
import { WeirProcess } from './support/command.js';
import { TestNetns } from './support/load.js';
import { folder, launch, port, Serve, until } from './support/serve.js';

const ALL = { from: 0n, to: 2n ** 62n };
const COUNT = 50;
const [SENT, REPLIED] = [77, 1234];

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

  for (const [how, prefix] of [
    ['as root', []],
    ['from a set-user-id program', ['setpriv', '--ruid=65534']],
  ] as const) {
    it(`has a server without privileges, and files that nobody else reads: ${how}`, () =>
      isUnprivileged(prefix));
  }

  async function isUnprivileged(prefix: readonly string[]): Promise<void> {
    launch.prefix = prefix;
    using netns = new TestNetns();
    using serve = new Serve(netns);
    launch.prefix = [];
    await serve.ready();
    const server = serve.server!;
    const [real, effective, saved] = statusOf(server, 'Uid').split('\t');
    assert.ok(Number(real) > 0 && real === effective && real === saved, 'another user than root');
    for (const name of readdirSync(`/proc/${server}/task`)) {
      for (const set of ['CapEff', 'CapPrm', 'CapInh'])
        assert.equal(BigInt(`0x${statusOf(Number(name), set)}`), 0n, `${set} of thread ${name}`);
      assert.equal(statusOf(Number(name), 'NoNewPrivs'), '1', `thread ${name} may gain privileges`);
    }
    assert.equal(statusOf(server, 'Groups').trim(), '');
    assert.equal(statSync(serve.paths.server).mode & 0o777, 0o700);
    assert.equal(statSync(serve.paths.spool).mode & 0o777, 0o700);
    await (await serve.history()).close();
  }

  it('a server that is killed is started again, and nothing is lost or doubled', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    for (let round = 0; round < 3; round++) {
      const server = serve.server!;
      await load(netns);
      process.kill(server, 'SIGKILL');
      await load(netns);
      await serve.serverAfter(server);
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
    const config = join(folder, 'tls.yaml');
    writeFileSync(config, 'tls: {certificate: /etc/hostname, key: /etc/hostname}\n');
    assert.match(await refused(...own, '--config', config), /tls: \/etc\/hostname holds no certificate/);
    writeFileSync(config, 'tls: {certificate: /nonexistent, key: /etc/hostname}\n');
    assert.match(await refused(...own, '--config', config), /tls: ENOENT: .*'\/nonexistent'/);
    const { tokens } = serverPlaces(servePaths(join(folder, 'users')).server);
    writeFileSync(tokens, '{"version": 1, "tokens": [{}]}', { mode: 0o600 });
    const { uid, gid } = statSync(dirname(tokens));
    chownSync(tokens, uid, gid);
    assert.match(await refused(...own), /is no file of tokens: something in it has another form/);
    chmodSync(tokens, 0o644);
    assert.match(await refused(...own), /can be read by others: chmod 600/);
    rmSync(tokens);
    assert.match(await refused(...own, '--filter', 'direction=sideways'), /direction/);
    assert.match(await refused(...own, '--keep', 'never'), /--keep: expected/);
    assert.match(await refused(...own, '--listen', 'here'), /--listen: expected/);
    assert.match(
      await refused(...own, '--listen', '192.0.2.99:1', '--insecure'),
      /this host has no such address/,
    );
  });
});
