/** `weir top --at`, from start to end, over a history that the test makes. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lazyCommands } from '../src/entries/lazy-commands.js';
import { runCommandLine } from '../src/run-command-line.js';
import type { Terminal } from '../src/top/ui/terminal.js';
import { Capture } from './support/captured-output.js';
import { FakeScreen, FakeStdin } from './support/fake-terminal.js';
import { BUSY, makePast, timeAt } from './support/past-history.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-top-past-'));
process.env.TZ = 'UTC';

before(() => makePast(folder));
after(() => rmSync(folder, { recursive: true }));

function bench(terminal?: Terminal) {
  const stdout = new Capture({ isTTY: terminal !== undefined });
  const stderr = new Capture();
  const signals = new EventEmitter();
  return {
    ...{ stdout, stderr, signals },
    run: (seconds: number | string, ...args: string[]) =>
      runCommandLine(
        [
          ...['top', '--at', typeof seconds === 'number' ? timeAt(seconds) : seconds],
          ...['--folder', folder, ...args],
        ],
        {
          ...{ stdout, stderr, signals, env: {}, exit: () => assert.fail('forced to end') },
          loadTracer: async () => assert.fail('the past needs no tracer'),
          terminal: () => terminal,
        },
        lazyCommands,
      ),
  };
}

async function printed(seconds: number | string, ...args: string[]): Promise<string> {
  const { stdout, stderr, run } = bench();
  assert.equal(await run(seconds, ...args), 0, stderr.text);
  return stdout.text;
}

describe('weir top --at where there is no terminal', () => {
  it('prints the state of then, by traffic, with rates of the minute', async () => {
    const [head, titles, ...rows] = (await printed(75)).trimEnd().split('\n');
    assert.equal(head, '2025-11-24 15:01:15 (past)  connections: 3  sent 200 B/s, received 200 B/s');
    assert.match(titles!, /^PROTO +PID PROCESS +LOCAL +PEER/);
    assert.match(rows[0]!, /^tcp +101 curl +10\.0\.0\.1:40001 +→ 192\.0\.2\.1:443 +https +established/);
    assert.match(rows[0]!, / 100 B +200 B +3\.10 kB +4\.20 kB /);
    assert.match(rows[1]!, /^udp +103 wget .* 5 s +100 B +0 +500 B +0 /);
    assert.match(rows[2]!, /^tcp +102 \\x1b\[2Jx .* 0 +0 +50 B +0 /);
    assert.equal(rows.length, 3);
  });

  it('takes views, order, filters and contents as a live one does', async () => {
    const lines = async (...args: string[]) => (await printed(75, ...args)).trimEnd().split('\n').slice(2);
    assert.match((await lines('--filter', 'proc:wget'))[0]!, /^udp +103/);
    assert.equal((await lines('--no-udp')).length, 2);
    assert.equal((await lines('--netns', '1')).length, 0);
    assert.match((await lines('--sort', 'pid'))[0]!, /^tcp +101/);
    assert.match((await lines('--view', 'peers', '--rows', '1'))[0]!, /^192\.0\.2\.1 +1 +100 B/);
    assert.match(
      (await lines('--view', 'processes', '--filter', 'unit:web'))[0]!,
      /^ +101 curl +0 +1 +1 +100 B/,
    );
    assert.match(await printed(75, '--view', 'listening'), /listening: unknown/);
    assert.match(
      await printed(75, '--limit', '1'),
      /\n2 connections not shown: the table is full \(--limit\)\n/,
    );
  });

  it('has no column of what has ended, which is not known of a moment in the past', async () => {
    for (const view of ['processes', 'peers']) {
      assert.doesNotMatch(await printed(75, '--view', view), /ENDED/);
      const { stderr, run } = bench();
      assert.equal(await run(75, '--view', view, '--sort', 'ended'), 2);
      assert.match(stderr.text, new RegExp(`--sort: the view of ${view} has no column ended, but .*live`));
    }
  });

  it('prints one moment after the other', async () => {
    const text = await printed(75, '--count', '3', '--interval', '10s');
    assert.deepEqual(text.match(/^\S+ \S+ \(past\) {2}connections: \d/gm), [
      '2025-11-24 15:01:15 (past)  connections: 3',
      '2025-11-24 15:01:25 (past)  connections: 2',
      '2025-11-24 15:01:35 (past)  connections: 2',
    ]);
    const end = await printed(250, '--count', '9', '--interval', '10s');
    assert.deepEqual(end.match(/15:\d\d:\d\d(?= \(past\))/g), ['15:04:10', '15:04:20', '15:04:29']);
  });

  it('shows as unknown what no look says, and never as nothing', async () => {
    const [head, , ...rows] = (await printed(255)).trimEnd().split('\n');
    assert.match(head!, /connections: 2 {2}sent -\/s, received -\/s$/);
    const busy = rows.find((row) => row.includes(`:4000${BUSY} `))!;
    assert.match(busy, / - +- +8\.80 kB /);
    const { connections, listeners, totals } = JSON.parse(await printed(255, '--json'));
    assert.deepEqual([listeners, totals.send_rate], [undefined, undefined]);
    assert.ok(!('send_rate' in connections[0]) && connections[0].bytes_sent > 0);
    assert.ok(!('idle_us' in connections[0]));
  });

  it('says what was lost near the time', async () => {
    assert.match(await printed(200), /\nevents lost within a minute of it: 17 \(ring\)\n/);
    assert.doesNotMatch(await printed(75), /lost/);
    const { time, past } = JSON.parse(await printed(120, '--json'));
    assert.equal(time, '2025-11-24T15:02:00.000Z');
    assert.deepEqual(
      past.losses.map(({ count, where }: { count: number; where: string }) => [count, where]),
      [[17, 'ring']],
    );
    assert.deepEqual(past.unrecorded, []);
  });

  for (const [what, time, args, message] of [
    ['of a time before the first', '14:59', [], /^weir: --at: nothing is recorded of \S+ 14:59:00, but of /],
    [
      'of a time behind the last',
      timeAt(900),
      [],
      / of 2025-11-24 15:15:00, but of 2025-11-24 15:00:00 to 15:04:29$/,
    ],
    ['of the future', '2099-01-01T00:00:00Z', [], /nothing is recorded of 2099/],
    ['of no time', 'soon', [], /^weir: --at: "soon" is no time/],
    [
      'with what is about a tracer',
      timeAt(75),
      ['--resolve'],
      /^weir: --resolve is about what is live: leave it out/,
    ],
    [
      'with a filter that makes no sense',
      timeAt(75),
      ['--filter', 'foo:1'],
      /^weir: --filter: there is no field foo/,
    ],
  ] as const)
    it(`refuses in one line: ${what}`, async () => {
      const { stderr, run } = bench();
      assert.equal(await run(time, ...args), 2);
      assert.match(stderr.text.trimEnd(), message);
      assert.equal(stderr.text.split('\n').length, 2);
    });

  it('refuses a folder without a time', async () => {
    const stderr = new Capture();
    const host = {
      ...{ stdout: new Capture(), stderr, signals: new EventEmitter(), env: {}, exit: () => undefined },
      loadTracer: async () => assert.fail('nothing is traced'),
    };
    assert.equal(await runCommandLine(['top', '--folder', folder], host, lazyCommands), 2);
    assert.match(stderr.text, /^weir: --folder says where --at looks: give a time, too\n$/);
  });
});

describe('weir top --at on a terminal', () => {
  async function open(context: TestContext, seconds: number, ...args: string[]) {
    const screen = new FakeScreen(110, 24);
    const stdin = new FakeStdin();
    const { run, stderr } = bench({ stdin: stdin.asStream, stdout: screen });
    const ended = run(seconds, ...args);
    context.after(() => stdin.end());
    const shows = async (pattern: RegExp) => {
      for (const deadline = performance.now() + 60_000; !pattern.test(screen.text); await sleep(5))
        assert.ok(performance.now() < deadline, `${pattern} in\n${screen.text}${stderr.text}`);
      return screen.text;
    };
    const type = (keys: string) => void stdin.write(keys);
    await shows(/^q quit/m);
    return { screen, shows, type, ended };
  }

  it('says that it is the past, and steps back and on', async (context) => {
    const { shows, type, ended, screen } = await open(context, 75);
    await shows(
      /^weir top {2}PAST 2025-11-24 15:01:15 {2}step 1 s {3}sent 200 B\/s, received 200 B\/s {3}2 TCP, 1 UDP/,
    );
    await shows(/^q quit {3}\[ \] step {3}Space play {3}\{ \} minute {3}\/ filter/m);
    type(']');
    await shows(/PAST 2025-11-24 15:01:16 /);
    type('[[[');
    await shows(/PAST 2025-11-24 15:01:13 .*\n.*\n.*\n(?:.*\n)*.*wget.* 300 B /);
    type('}');
    const text = await shows(/PAST 2025-11-24 15:02:13 /);
    assert.match(text, /\nevents lost within a minute of it: 17 \(ring\)\n/);
    assert.doesNotMatch(text, /wget/);
    type('++');
    await shows(/step 5 s/);
    type(']');
    await shows(/PAST 2025-11-24 15:02:18 /);
    type('q');
    assert.equal(await ended, 0);
    assert.ok(!screen.isAlternate && screen.isCursorShown);
  });

  it('stops at the ends of what is recorded, and says so', async (context) => {
    const { shows, type, ended } = await open(context, 30);
    type('{');
    await shows(/PAST 2025-11-24 15:00:00, the first recorded {2}step/);
    type('[');
    type(']');
    await shows(/PAST 2025-11-24 15:00:01 {2}step/);
    type('}}}}}}');
    await shows(/PAST 2025-11-24 15:04:29, the last recorded {2}step/);
    type('q');
    await ended;
  });

  it('plays until it is stopped, and at the end', async (context) => {
    const { shows, type, ended, screen } = await open(context, 225, '--interval', '250ms');
    type(' ');
    await shows(/PAST 2025-11-24 15:03:4[78] {2}playing 0\.25 s/);
    type(' ');
    const [stopped] = /15:03:4\d/.exec(await shows(/step 0\.25 s/))!;
    await sleep(600);
    assert.ok(screen.text.includes(stopped));
    type('}');
    await shows(/PAST 2025-11-24 15:04:29, the last/);
    type(' ');
    await shows(/15:04:29, the last recorded {2}step/);
    type('q');
    await ended;
  });

  it('keeps the row, the filter and the details from step to step', async (context) => {
    const { shows, type, ended } = await open(context, 75);
    type('/wget\r');
    await shows(/1 by rate ▼ {2}filter: wget/);
    type('\r');
    await shows(/^ Process +wget \(103, user 0\)$/m);
    await shows(/^ Sent +500 B, - datagrams, 100 B\/s$/m);
    type(']');
    await shows(/^ Sent +600 B,/m);
    type('}');
    await shows(/^ The connection was not open then\.$/m);
    type('{');
    await shows(/^ Sent +600 B,/m);
    type('q');
    await ended;
  });

  it('shows no sockets that listen, and says why', async (context) => {
    const { shows, type, ended } = await open(context, 75);
    type('4');
    await shows(/\[4 Listening\] +unknown by LOCAL/);
    await shows(/^ Sockets that listen are not recorded\.$/m);
    type('?');
    await shows(/^ \[ \] +a step back, on$/m);
    type('q');
    await ended;
  });
});
