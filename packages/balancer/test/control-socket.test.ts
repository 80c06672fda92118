/** The control socket, with handlers that need no balancer. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { ConfigError } from '../src/config/index.js';
import { groupId } from '../src/control/groups.js';
import {
  ControlClient,
  ControlServer,
  ControlSockets,
  type Handlers,
  NotRunningError,
  RequestError,
  rolePath,
  socketNames,
  usableSocket,
} from '../src/control/index.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-control-'));
after(() => rmSync(folder, { recursive: true }));

function refused(): never {
  throw new Error('not in this test');
}

const nothing: Handlers = {
  status: refused,
  apply: refused,
  drain: refused,
  lookup: refused,
  stop: refused,
  deleteFlow: refused,
  flows: refused,
  purge: refused,
  capture: refused,
};

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

let number = 0;

/** Starts a server with some handlers, and a client. */
async function started(handlers: Partial<Handlers>, group?: string) {
  const path = join(folder, 'of', 'several', `${number++}.sock`);
  const server = await ControlServer.listen(path, group, { ...nothing, ...handlers });
  const client = new ControlClient(path);
  return {
    path,
    server,
    client,
    async [Symbol.asyncDispose]() {
      server.close();
      await server.closed;
    },
  };
}

describe('the control socket', () => {
  it('the socket is open to root alone, or to a group as well', async () => {
    await using alone = await started({});
    assert.equal(statSync(alone.path).mode & 0o777, 0o600);
    const gid = process.getgid!();
    await using shared = await started({}, String(gid));
    assert.equal(statSync(shared.path).mode & 0o777, 0o660);
    assert.equal(statSync(shared.path).gid, gid);
    await assert.rejects(
      started({}, 'no-such-group'),
      new RequestError('control.group: there is no group no-such-group in /etc/group'),
    );
    assert.equal(groupId('root'), 0);
  });

  it('sockets of roles allow less, each to its group', async () => {
    const path = join(folder, 'roles', 'a.sock');
    const gid = String(process.getgid!());
    const answers: Handlers = {
      ...nothing,
      drain: async ({ vip, real }) => ({ vip, real }),
      stop: async () => ({}),
      async *flows() {
        yield [{ end: { walked: 1, places: 1, flows: 0 } }];
      },
      async *purge({ real }) {
        yield [{ end: { walked: 1, places: 1, flows: real === 'a' ? 3 : 9 } }];
      },
      lookup: async () => ({ verdict: 'pass', reason: 'not-a-vip', service: undefined, real: undefined }),
    };
    const sockets = await ControlSockets.listen(path, { drainGroup: gid, readGroup: gid }, answers);
    const asked = { vip: 'w', real: 'a', drained: true };
    const flow = {
      source: '::',
      sourcePort: 1,
      destination: '::',
      destinationPort: 1,
      protocol: 'tcp',
    } as const;
    try {
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(usableSocket(path), path);
      for (const role of ['drain', 'read'] as const) {
        const own = rolePath(path, role);
        assert.equal(statSync(own).mode & 0o777, 0o660);
        const client = new ControlClient(own);
        assert.equal((await client.call('lookup', flow)).verdict, 'pass');
        await assert.rejects(client.call('stop', { detach: true }), /only: the rest is for root/);
        await assert.rejects(client.call('apply', { file: 'f', text: '' }), RequestError);
        await assert.rejects(
          client.capture({}, AbortSignal.timeout(1000), async () => {}),
          RequestError,
        );
        const flows = await all(client.lines('flows', { action: 'list' }));
        assert.deepEqual(flows, [{ end: { walked: 1, places: 1, flows: 0 } }]);
        const purge = all(client.lines('purge', { vip: 'w', real: 'a' }));
        if (role === 'drain') assert.equal((await purge)[0]!.end!.flows, 3);
        else await assert.rejects(purge, RequestError);
        await assert.rejects(all(client.lines('purge', { vip: 'w' })), RequestError);
        if (role === 'drain') assert.equal((await client.call('drain', asked)).vip, 'w');
        else await assert.rejects(client.call('drain', asked), RequestError);
      }
      rmSync(path);
      assert.equal(usableSocket(path), rolePath(path, 'drain'));
      assert.deepEqual(socketNames(join(folder, 'roles')), []);
    } finally {
      sockets.close();
      await sockets.closed;
    }
    assert.deepEqual(readdirSync(join(folder, 'roles')), []);
  });

  it('requests are answered, and the socket is removed with its server', async () => {
    const asked: unknown[] = [];
    const { path, server, client } = await started({
      drain: async (body) => {
        asked.push(body);
        return { vip: 'web', real: 'a' };
      },
    });
    const answer = await client.call('drain', { vip: 'w', real: 'ä', drained: true });
    assert.deepEqual([asked, answer], [[{ vip: 'w', real: 'ä', drained: true }], { vip: 'web', real: 'a' }]);
    server.close();
    assert.equal(existsSync(path), false);
    await server.closed;
    await assert.rejects(client.call('drain', { vip: 'w', real: 'a', drained: true }), NotRunningError);
  });

  it('lines of an answer come as they are made, errors before the first are refusals, and later ones are lines', async () => {
    let go: () => void = refused;
    const waiting = new Promise<void>((resolve) => {
      go = resolve;
    });
    await using socket = await started({
      async *flows({ source }) {
        if (source === 'wrong') throw new RequestError('wrong is no prefix');
        yield [{ progress: { walked: 1, places: 2 } }];
        await waiting;
        if (source === 'dies') throw new Error('died');
        if (source === 'endless') return;
        yield [{ progress: { walked: 2, places: 2 } }, { end: { walked: 2, places: 2, flows: 7 } }];
      },
    });
    const lines = socket.client.lines('flows', { action: 'list' });
    assert.deepEqual((await lines.next()).value, { progress: { walked: 1, places: 2 } });
    go();
    assert.deepEqual(
      (await all(lines)).map(({ end }) => end?.flows),
      [undefined, 7],
    );
    const ask = (source: string) => all(socket.client.lines('flows', { action: 'list', source }));
    await assert.rejects(ask('wrong'), new RequestError('wrong is no prefix'));
    await assert.rejects(ask('dies'), new Error('died'));
    await assert.rejects(ask('endless'), new Error('the balancer ended before its answer did'));
  });

  it('an answer in progress is completed when the server closes', async () => {
    let finish: () => void = refused;
    const waiting = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { server, client } = await started({
      stop: async () => {
        server.close();
        await waiting;
        return {};
      },
    });
    const answer = client.call('stop', { detach: true });
    setImmediate(finish);
    assert.deepEqual(await answer, {});
    await server.closed;
  });

  for (const [error, kind] of [
    [new RequestError('no VIP x'), RequestError],
    [new OptionError('weight -1'), RequestError],
    [new ConfigError('f', [{ line: 1, column: 2, message: 'm' }]), RequestError],
    [new Error('bpf: EPERM'), Error],
  ] as const) {
    it(`${error.name} (${error.message}) reaches the client as ${kind.name}`, async () => {
      await using control = await started({
        apply: async () => {
          throw error;
        },
      });
      await assert.rejects(control.client.call('apply', { file: 'f', text: '' }), (answer: Error) => {
        assert.deepEqual([answer.message, answer.constructor], [error.message, kind]);
        return true;
      });
    });
  }

  it('a socket in use is refused, the socket of a dead process is replaced', async () => {
    await using control = await started({ stop: async () => ({}) });
    await assert.rejects(
      ControlServer.listen(control.path, undefined, nothing),
      new RequestError(
        `a process listens on ${control.path} already: stop it, or name another socket (control.socket)`,
      ),
    );
    assert.deepEqual(await control.client.call('stop', { detach: false }), {});
  });

  it('a client reports that no balancer runs, with and without a socket', async () => {
    const path = join(folder, 'none.sock');
    await assert.rejects(new ControlClient(path).call('stop', { detach: true }), (error: Error) => {
      assert.equal(error.message, `no balancer runs here: there is no socket ${path}`);
      return error instanceof NotRunningError;
    });
  });

  it('a capture is streamed until its request ends, with its totals', async () => {
    let aborted = false;
    await using control = await started({
      async *capture({ count }, signal) {
        yield Uint8Array.of(count!);
        yield new Uint8Array(300_000);
        await once(signal, 'abort');
        aborted = true;
        yield Uint8Array.of(9);
        return { packets: 3, lost: 2 };
      },
    });
    const abort = new AbortController();
    const pieces: number[] = [];
    const came = await control.client.capture({ count: 7 }, abort.signal, async (bytes) => {
      pieces.push(...bytes);
      if (pieces.length === 300_001) abort.abort();
    });
    assert.deepEqual([pieces[0], pieces.at(-1), pieces.length], [7, 9, 300_002]);
    assert.deepEqual([came, aborted], [{ packets: 3, lost: 2 }, true]);
  });

  it('a capture ends when nobody reads it any more', async () => {
    let ended: () => void = refused;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    await using control = await started({
      async *capture(_, signal) {
        try {
          yield Uint8Array.of(1);
          await once(signal, 'abort');
          return { packets: 0, lost: 0 };
        } finally {
          ended();
        }
      },
    });
    const reading = control.client.capture({}, new AbortController().signal, async () => {
      throw new Error('enough');
    });
    await assert.rejects(reading, /enough/);
    await over;
  });

  it('a capture that cannot begin is refused', async () => {
    await using control = await started({
      // biome-ignore lint/correctness/useYield: it throws before a yield
      async *capture() {
        throw new RequestError('somebody captures already');
      },
    });
    const capture = control.client.capture({}, new AbortController().signal, async () => undefined);
    await assert.rejects(capture, new RequestError('somebody captures already'));
  });
});

it('a socket that a killed process left refuses connections, and is replaced', async () => {
  const path = join(folder, 'left.sock');
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen('${path}', () => console.log(1))`,
  ]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(path));
  const server = await ControlServer.listen(path, undefined, nothing);
  server.close();
  await server.closed;
});
