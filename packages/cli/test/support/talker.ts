/** Programs in network namespaces that talk to each other. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TestNetns } from './load.js';

const program = fileURLToPath(new URL('talker-program.js', import.meta.url));

function start(netns: TestNetns, args: readonly string[]) {
  const command = ['netns', 'exec', netns.name, process.execPath, program, ...args];
  return spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Listens until it is disposed of. */
export async function startListener(netns: TestNetns, address: string, port: number): Promise<Disposable> {
  const child = start(netns, ['serve', address, `${port}`]);
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([status]) => assert.fail(`the listener ended with status ${status}`)),
  ]);
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** Runs a client to its end; what it printed. */
export async function runClient(netns: TestNetns, ...args: readonly string[]): Promise<string> {
  const child = start(netns, args);
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  assert.equal(status, 0, 'exit status of the client');
  return output;
}
