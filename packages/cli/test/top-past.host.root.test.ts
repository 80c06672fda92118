/** `weir top --at` in a terminal, over what `weir serve` recorded of real traffic. tmux is the terminal. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bin, runWeir, WeirProcess } from './support/command.js';
import { TestNetns } from './support/load.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-top-past-'));
// The server's user passes through it.
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));

const tmux = (...args: string[]) =>
  execFileSync('tmux', ['-L', `weir-past-${process.pid}`, '-f', '/dev/null', ...args], { encoding: 'utf8' });
const type = (...keys: string[]) => tmux('send-keys', '-t', 'past', ...keys);

async function shows(pattern: RegExp): Promise<string> {
  for (const deadline = performance.now() + 60_000; ; await sleep(50)) {
    const text = tmux('capture-pane', '-p', '-t', 'past');
    if (pattern.test(text)) return text;
    assert.ok(performance.now() < deadline, `${pattern} in\n${text}`);
  }
}

/** A program that keeps a connection over loopback to itself, sends 1,000 bytes each 50 ms, and says its port. */
const talker = `
const net = require('node:net');
const server = net.createServer((socket) => socket.resume()).listen(0, '127.0.0.1', () => {
  const client = net.connect(server.address().port, '127.0.0.1', () => console.log(server.address().port));
  const timer = setInterval(() => client.write(Buffer.alloc(1000)), 50);
  process.stdin.resume().on('end', () => { clearInterval(timer); client.end(); server.close(); process.exit(); });
});`;

async function talk(netns: TestNetns) {
  const child = spawn('ip', ['netns', 'exec', netns.name, process.execPath, '-e', talker], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    port,
    end: async () => {
      child.stdin.end();
      await once(child, 'close');
    },
  };
}

const seconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000).toISOString();

describe('weir top --at', () => {
  it('shows the connections of then with their rates, and not those of later', async () => {
    using netns = new TestNetns();
    const place = join(folder, 'history');
    using serve = new WeirProcess([
      ...['serve', '--folder', place, '--netns', netns.name, '--sweep', '1s', '--listen', '127.0.0.1:0'],
      ...['--ready-fd', '3'],
    ]);
    await serve.ready();
    const first = await talk(netns);
    await sleep(5_000);
    const middle = Date.now() - 2_000;
    await first.end();
    await sleep(2_000);
    const second = await talk(netns);
    await sleep(4_000);
    const late = Date.now() - 1_000;
    await second.end();
    await sleep(1_500);
    const ending = await serve.end('SIGINT');
    assert.equal(ending.status, 0, ending.stderr);

    const stateAt = async (ms: number) => {
      const { stdout, stderr, status } = await runWeir([
        ...['top', '--at', seconds(ms), '--folder', place, '--json'],
      ]);
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout) as {
        time: string;
        connections: { local: { port: number }; send_rate?: number; process?: { comm: string } }[];
      };
    };
    const then = await stateAt(middle);
    const isOf = (port: string) => (each: (typeof then.connections)[0]) => each.local.port === Number(port);
    assert.equal(then.connections.length, 2, 'both ends of the first, and nothing of the second');
    const client = then.connections.find((each) => !isOf(first.port)(each))!;
    // 20 kB/s, as far as timers of a busy machine go.
    assert.ok(client.send_rate! > 500 && client.send_rate! < 40_000, `${client.send_rate}`);
    assert.match(client.process!.comm, /^node|MainThread/);
    const now = await stateAt(late);
    assert.ok(now.connections.some(isOf(second.port)) && !now.connections.some(isOf(first.port)));

    tmux('new-session', '-d', '-x', '120', '-y', '24', '-s', 'past', 'sh');
    try {
      // What is typed before the shell has its prompt stands before that.
      await shows(/^[#$] *$/m);
      type(`TZ=UTC ${process.execPath} ${bin} top --at ${seconds(middle)} --folder ${place}`, 'Enter');
      const text = await shows(new RegExp(`→ 127\\.0\\.0\\.1:${first.port} `));
      assert.match(text, /^weir top {2}PAST \S+ \S+ {2}step 1 s {3}sent [\d.]+ kB\/s/);
      assert.doesNotMatch(text, new RegExp(`:${second.port} `));
      type('Space');
      await shows(new RegExp(`playing 1 s(?:.*\\n)+.*→ 127\\.0\\.0\\.1:${second.port} `));
      type('Space');
      const [, stopped] = /PAST (\S+ \S+?),? .*step 1 s/.exec(await shows(/PAST .* step 1 s/))!;
      const steps = Math.round(
        (Date.parse(`${stopped!.replace(' ', 'T')}Z`) - Date.parse(seconds(middle))) / 1000,
      );
      type(...Array.from({ length: steps }, () => '['));
      await shows(new RegExp(`step 1 s(?:.*\\n)+.*→ 127\\.0\\.0\\.1:${first.port} `));
      type('q');
      await shows(/^[#$] *$/m);
    } finally {
      tmux('kill-server');
    }
  });
});
