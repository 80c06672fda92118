/** Output to a socket that nobody reads, such as that of a journal that hangs: writing to it waits in the kernel. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bin } from './support/command.js';
import { TestNetns } from './support/load.js';
import { folder, port } from './support/serve.js';

const history = join(folder, 'history');

/** Fills a standard stream, for which this test has a socket, and becomes weir. */
function startStalled(stream: 1 | 2, ...args: readonly string[]): ChildProcess & Disposable {
  const fill = `timeout 0.5 head -c 4000000 /dev/zero >&${stream}; exec "$0" "$@"`;
  const child = spawn('sh', ['-c', fill, process.execPath, bin, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill('SIGKILL') });
}

describe('a socket that nobody reads', () => {
  it('as standard error does not keep weir serve from working, and from ending on SIGTERM', async () => {
    using netns = new TestNetns();
    const flags = ['--netns', netns.name, '--listen', `127.0.0.1:${port}`, '--ready-fd', '3'];
    using weir = startStalled(2, 'serve', '--folder', history, ...flags);
    await once(weir.stdio[3]!, 'data', { signal: AbortSignal.timeout(30_000) });
    // Both processes end once what is lost behind the socket is the only thing left.
    weir.kill('SIGTERM');
    await ends(weir);
  });

  it('as standard output does not keep weir query from ending on SIGTERM, with its status', async () => {
    using weir = startStalled(1, 'query', '--folder', history, '--sql', 'SELECT range(100000)');
    await untilItRuns(weir);
    weir.kill('SIGTERM');
    await ends(weir);
    assert.equal(weir.exitCode, 143);
  });
});

async function ends(child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [, signal] = await once(child, 'exit');
  clearTimeout(timer);
  assert.notEqual(signal, 'SIGKILL');
}

/** Until it is the program that handles signals, and not the one that fills the socket. */
async function untilItRuns({ pid }: ChildProcess): Promise<void> {
  for (;;) {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)![1]}`);
    const threads = readdirSync(`/proc/${pid}/task`).length;
    // SIGHUP, which Node.js does not handle by itself.
    if (threads > 1 && (caught & 1n) === 1n) return;
    await sleep(10);
  }
}
