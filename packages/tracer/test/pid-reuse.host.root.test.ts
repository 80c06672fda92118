/** A pid that the kernel gives to another program. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { it } from 'node:test';
import type { TraceRecord } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { TestNetns } from './support/netns.js';

/** Tries to connect, and sends a datagram, once its standard input ends. */
const program = `
  const port = Number(process.argv[1]);
  process.stdin.on('end', () => {
    require('node:net').connect(port, '127.0.0.1').on('error', () => {});
    const udp = require('node:dgram').createSocket('udp4');
    udp.send('x', port, '127.0.0.1', () => udp.close());
  }).resume();`;

function start(netns: TestNetns, port: number): ChildProcess {
  const command = ['netns', 'exec', netns.name, process.execPath, '-e', program, String(port)];
  return spawn('ip', command, { stdio: ['pipe', 'ignore', 'inherit'] });
}

async function finish(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.stdin!.end();
  await ended;
}

/** Starts it with a pid that is free: others may start processes at the same time, so several attempts may be needed. */
async function startAs(pid: number, netns: TestNetns, port: number): Promise<ChildProcess> {
  for (let attempt = 0; attempt < 100; attempt++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    const child = start(netns, port);
    if (child.pid === pid) return child;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  assert.fail(`no process got the pid ${pid}`);
}

it('a filter by pid means the process that has it at the start, not a later one', async () => {
  using netns = new TestNetns();
  const first = start(netns, 7);
  const pid = first.pid!;
  const options = { filter: { pids: [pid], netns: [netns.inode] }, udp: true };
  const collected = await collect(options, async () => {
    await finish(first);
    await finish(await startAs(pid, netns, 9));
  });
  const ends = collected.records.map((record: TraceRecord) => {
    assert.ok(record.event === 'fail' || record.event === 'udp_flow', record.event);
    return [record.event, record.process?.pid, record.peer.port];
  });
  assert.deepEqual(ends.sort(), [
    ['fail', pid, 7],
    ['udp_flow', pid, 7],
  ]);
  assertComplete(collected);
});
