/** The examples, as programs of their own, with real traffic. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Load, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';

const [SENT, REPLIED, COUNT] = [77, 1234, 5];
const sizes = ['--send', `${SENT}`, '--reply', `${REPLIED}`];

class Example implements Disposable {
  readonly #child: ChildProcess;
  /** Lines of standard output, in fields. */
  readonly lines: AsyncIterator<string>;
  /** Lines of standard error. */
  readonly said: AsyncIterator<string>;

  constructor(name: string, netns: TestNetns, ...args: string[]) {
    const program = fileURLToPath(new URL(`../../../../examples/dist/${name}.js`, import.meta.url));
    this.#child = spawn(process.execPath, [program, '--netns', `${netns.inode}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.said = createInterface({ input: this.#child.stderr! })[Symbol.asyncIterator]();
  }

  async line(): Promise<readonly string[]> {
    const { value, done } = await this.lines.next();
    assert.ok(done !== true, 'it ended before its time');
    return value.split(' ');
  }

  /** Waits until it has begun. */
  async begun(): Promise<void> {
    const { value } = await this.said.next();
    assert.match(value, /Ctrl-C ends$/);
  }

  async end(): Promise<void> {
    this.#child.kill('SIGINT');
    const [status] = await once(this.#child, 'exit');
    assert.equal(status, 0);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

describe('the example', () => {
  it('connection-logger prints each connection that has ended', async () => {
    using netns = new TestNetns();
    using example = new Example('connection-logger', netns);
    await example.begun();
    const pairs = await runLoad(netns, 'pairs', '--count', `${COUNT}`, ...sizes);
    const expected = pairs.flatMap(({ client, server }) => [
      `${client.pid} ${client.port} ${server.port} ${SENT} ${REPLIED}`,
      `${server.pid} ${server.port} ${client.port} ${REPLIED} ${SENT}`,
    ]);
    const seen: string[] = [];
    while (seen.length < expected.length) {
      const [, pid, , local, , peer, , sent, received, , command] = await example.line();
      seen.push([pid, local, peer, sent, received].join(' '));
      assert.match(command ?? '', /weir-load/);
    }
    assert.deepEqual(seen.sort(), expected.sort());
    await example.end();
  });

  it('who-uses-port prints the processes that listen and that are connected', async () => {
    using netns = new TestNetns();
    using load = await Load.prepare(netns, 'hold', '--count', `${COUNT}`, ...sizes);
    load.signal();
    await load.awaitKind('holding');
    const port = load.ready.ports?.[0];
    using example = new Example('who-uses-port', netns, `${port}`);
    const lines: string[] = [];
    for (let left = 1 + 2 * COUNT; left > 0; left--) lines.push((await example.line()).join(' '));
    assert.equal((await example.lines.next()).done, true);
    const pairs = (await load.run()).filter(({ kind }) => kind === 'pair');
    const { pid } = pairs[0]!.server;
    const expected = pairs.flatMap(({ client, server }) => [
      `tcp ${client.address} ${client.port} ${server.address} ${port} ${client.pid} weir-load established`,
      `tcp ${server.address} ${port} ${client.address} ${client.port} ${pid} weir-load established`,
    ]);
    assert.match(lines[0] ?? '', new RegExp(`^tcp \\S+ ${port} ${pid} weir-load$`));
    assert.deepEqual(lines.slice(1).sort(), expected.sort());
  });

  it('container-bandwidth prints the bytes of all connections, short ones included', async () => {
    using netns = new TestNetns();
    using example = new Example('container-bandwidth', netns);
    await example.begun();
    await runLoad(netns, 'pairs', '--count', `${COUNT}`, ...sizes);
    const moved = { sent: 0, received: 0 };
    const total = COUNT * (SENT + REPLIED);
    while (moved.sent < total || moved.received < total) {
      const [, , sent, received] = await example.line();
      moved.sent += Number(sent);
      moved.received += Number(received);
    }
    assert.deepEqual(moved, { sent: total, received: total });
    await example.end();
  });
});
