/** `weir top` in a terminal, as people use it: keys in, a screen out. tmux is the terminal. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { bin } from './support/command.js';
import { assertNothingLeft, existingObjects } from './support/kernel-objects.js';

const tmux = (...args: string[]) =>
  execFileSync('tmux', ['-L', `weir-test-${process.pid}`, '-f', '/dev/null', ...args], { encoding: 'utf8' });
const type = (...keys: string[]) => tmux('send-keys', '-t', 'top', ...keys);
const screen = () => tmux('capture-pane', '-p', '-t', 'top');

/** Waits for the screen to show it. */
async function shows(pattern: RegExp): Promise<string> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const text = screen();
    if (pattern.test(text)) return text;
    assert.ok(performance.now() < deadline, `${pattern} in\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const server = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
let traffic: NodeJS.Timeout;
/** Nothing that goes on in others disturbs. */
const netns = statSync('/proc/self/ns/net').ino;
let port = 0;
let client: Socket;
const existing = existingObjects();

before(async () => {
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  client = connect(port, '127.0.0.1');
  traffic = setInterval(() => client.write(Buffer.alloc(10_000)), 50);
  tmux('new-session', '-d', '-x', '100', '-y', '24', '-s', 'top', 'sh');
  type(`PS1='ready> '; clear`, 'Enter');
  await shows(/^ready>$/m);
  type(
    `${process.execPath} ${bin} top --netns ${netns} --interval 250ms --filter pid:${process.pid}`,
    'Enter',
  );
});

after(() => {
  clearInterval(traffic);
  tmux('kill-server');
  client.destroy();
  server.close();
});

describe('weir top in a terminal', () => {
  it('shows both ends of a connection and their rates', async () => {
    const text = await shows(
      new RegExp(`^.* ${process.pid} .*127\\.0\\.0\\.1:${port} .* [1-9][\\d.]* kB.*$`, 'm'),
    );
    assert.match(text, /^weir top {2}0\.25 s {3}sent/);
    assert.match(text, /^\[1 Connections\].* 2 by rate ▼ {2}filter: pid:\d+$/m);
    assert.match(text, new RegExp(`127\\.0\\.0\\.1:${port} +← 127\\.0\\.0\\.1:`));
    assert.match(text, new RegExp(`→ 127\\.0\\.0\\.1:${port} `));
  });

  it('filters while somebody types', async () => {
    type('/');
    await shows(/^\/pid:\d+_$/m);
    type(' dir:in');
    await shows(/^\[1 Connections\].* 1 by rate/m);
    type(' foo:');
    await shows(/^\/pid:\d+ dir:in foo:_ {2}there is no field foo/m);
    type('Escape');
    await shows(/^\[1 Connections\].* 2 by rate/m);
  });

  it('shows processes, peers, listening sockets, help and details', async () => {
    type('2');
    await shows(new RegExp(`^> *${process.pid} `, 'm'));
    type('3');
    await shows(/^>127\.0\.0\.1 /m);
    type('4');
    await shows(new RegExp(`^>tcp .*127\\.0\\.0\\.1:${port} `, 'm'));
    type('?');
    await shows(/^ Space +pause/m);
    type('1');
    await shows(/^ +PROTO/m);
    type('Enter');
    await shows(/^ (Sent|Received) +[1-9].*at most [\d.]+ kB\/s\n.*[▂▃▄▅▆▇█]$/m);
    type('Escape');
    await shows(/^ +PROTO/m);
  });

  it('fits the terminal after a resize', async () => {
    tmux('resize-window', '-t', 'top', '-x', '60', '-y', '12');
    const text = await shows(/^ +PID PROCESS +PEER/m);
    assert.match(text.trimEnd(), /\nq quit {3}\/ filter {3}Enter details {3}← → sort {3}r reverse$/);
  });

  it('leaves the terminal to the shell when it is suspended', async () => {
    type('C-z');
    const text = await shows(/^ready>$/m);
    assert.doesNotMatch(text, /PROCESS/);
    type('fg', 'Enter');
    await shows(/^ +PID PROCESS +PEER/m);
    type('2');
    await shows(/^ +PID PROCESS +LIVE/m);
  });

  it('leaves nothing behind, neither on the terminal nor in the kernel', async () => {
    type('q');
    const text = await shows(/ready>$/m);
    assert.doesNotMatch(text, /PROCESS/);
    type('echo "typed $((20 + 3))"; stty -a | grep -o " icanon"', 'Enter');
    // The prompt of before shows at once: what is typed before the next one stands in front of it.
    await shows(/typed 23\n icanon$/m);
    await assertNothingLeft(existing);
  });

  for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
    it(`gives the terminal back when ${signal} ends it`, async () => {
      type('clear', 'Enter');
      type(`${process.execPath} ${bin} top`, 'Enter');
      await shows(/^\[1 Connections\]/m);
      const shell = tmux('list-panes', '-t', 'top', '-F', '#{pane_pid}').trim();
      const pid = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim();
      process.kill(Number(pid), signal);
      const text = await shows(/ready>$/m);
      assert.doesNotMatch(text, /PROCESS/);
      type('echo "typed $((20 + 4))"; stty -a | grep -o " icanon"', 'Enter');
      await shows(/typed 24\n icanon$/m);
    });
  }
});

describe('weir top on a terminal that goes away', () => {
  it('ends by itself, and leaves nothing in the kernel', async () => {
    const before = existingObjects();
    const command = `exec ${process.execPath} ${bin} top --netns ${netns} --interval 250ms`;
    const terminal = spawn('script', ['-qfc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
    let output = '';
    terminal.stdout.on('data', (text) => {
      output += text;
    });
    const deadline = performance.now() + 60_000;
    while (!output.includes('quit')) {
      assert.ok(performance.now() < deadline, output);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const children = readFileSync(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'latin1');
    const pid = Number.parseInt(children, 10);
    terminal.kill('SIGKILL');
    const hungUp = performance.now();
    while (
      existsSync(`/proc/${pid}`) &&
      !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
    ) {
      assert.ok(performance.now() - hungUp < 60_000, 'still there after a minute');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await assertNothingLeft(before);
  });
});
