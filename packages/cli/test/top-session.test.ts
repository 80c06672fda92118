/** `weir top` from start to end, with a tracer that needs no kernel. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { lazyCommands } from '../src/entries/lazy-commands.js';
import { runCommandLine } from '../src/run-command-line.js';
import type { Terminal } from '../src/top/ui/terminal.js';
import { Capture } from './support/captured-output.js';
import { connection, FakeLive, noTotals, openSocket } from './support/fake-live.js';
import { FakeScreen, FakeStdin } from './support/fake-terminal.js';
import { FakeFactory } from './support/fake-tracer.js';

const neverForced = (): void => assert.fail('forced to end');

function bench(terminal?: Terminal, exit: (code: number) => void = neverForced) {
  const live = new FakeLive();
  live.connections = [
    connection('10.0.0.5:40000', '192.0.2.1:443', { send_rate: 1.4, bytes_sent: 5 }),
    connection('10.0.0.5:40001', '192.0.2.2:80', { receive_rate: 7, process: undefined }),
  ];
  live.openSockets = [openSocket('0.0.0.0:80')];
  live.totals = { ...noTotals, send_rate: 1.4, receive_rate: 7.2 };
  const factory = new FakeFactory({ batches: [], live });
  const stdout = new Capture({ isTTY: terminal !== undefined });
  const stderr = new Capture();
  const signals = new EventEmitter();
  return {
    ...{ live, factory, stdout, stderr, signals },
    run: (...args: string[]) =>
      runCommandLine(
        ['top', '--no-enrich', ...args],
        {
          ...{ stdout, stderr, signals, env: {}, exit },
          loadTracer: async () => factory,
          terminal: () => terminal,
        },
        lazyCommands,
      ),
  };
}

/** Resolves once it holds, or fails. */
async function until(holds: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, what());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('weir top that gets a signal while it starts', () => {
  it('ends at once with status 0, and prints nothing', async () => {
    const exits: number[] = [];
    const { live, factory, signals, stdout, run: top } = bench(undefined, (code) => exits.push(code));
    let go = () => {};
    factory.mayStart = new Promise((resolve) => {
      go = resolve;
    });
    const running = top();
    await until(
      () => signals.listenerCount('SIGINT') > 0,
      () => 'no listener',
    );
    signals.emit('SIGINT', 'SIGINT');
    assert.deepEqual(exits, [0], 'before the start is over');
    // A process would be gone.
    go();
    assert.equal(await running, 0);
    assert.deepEqual([live.refreshes, factory.tracer.stops, stdout.text], [0, 1, '']);
  });
});

describe('weir top --once', () => {
  it('prints one table, and ends', async () => {
    const { live, factory, stdout, stderr, run: top } = bench();
    assert.equal(await top('--once', '--interval', '1ms'), 0, stderr.text);
    const [head, titles, ...rows] = stdout.text.trimEnd().split('\n');
    assert.match(head!, /^\d\d:\d\d:\d\d {2}connections: 2 {2}sent 1 B\/s, received 7 B\/s$/);
    assert.match(titles!, /^PROTO +PID PROCESS +LOCAL +PEER/);
    assert.deepEqual(
      rows.map((row) => row.split(/ +/).slice(0, 6)),
      [
        ['tcp', '-', '-', '10.0.0.5:40001', '→', '192.0.2.2:80'],
        ['tcp', '4242', 'curl', '10.0.0.5:40000', '→', '192.0.2.1:443'],
      ],
    );
    assert.deepEqual([live.refreshes, live.disposed, factory.tracer.stops], [2, true, 1]);
  });

  it('prints one JSON object', async () => {
    const { stdout, run: top } = bench();
    assert.equal(await top('--once', '--json', '--interval', '1ms', '--filter', 'port:80'), 0);
    assert.equal(stdout.text.split('\n').length, 2);
    const { time, totals, lost, connections, listeners, ...more } = JSON.parse(stdout.text);
    assert.deepEqual(more, {});
    assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual([totals.send_rate, totals.receive_rate, lost.ring], [1, 7, 0]);
    assert.equal(connections.length, 1);
    const { age_us, idle_us, ...known } = connections[0];
    assert.ok(age_us > 0 && idle_us > 0);
    assert.deepEqual(known, {
      network: { transport: 'tcp', type: 'ipv4' },
      netns: 4026531840,
      local: { address: '10.0.0.5', port: 40_001 },
      peer: { address: '192.0.2.2', port: 80 },
      direction: 'outbound',
      state: 'established',
      ...{ bytes_sent: 0, bytes_received: 0, send_rate: 0, receive_rate: 7 },
      ...{ packets_sent: 0, packets_received: 0, retransmits: 0 },
    });
    assert.deepEqual(listeners, [
      {
        network: { transport: 'tcp', type: 'ipv4' },
        netns: 4026531840,
        local: { address: '0.0.0.0', port: 80 },
        process: { pid: 7, comm: 'nginx', uid: 0 },
        ...{ uid: 0, waiting: 0, backlog: 128 },
      },
    ]);
  });

  it('takes views, order and a number of rows', async () => {
    const { stdout, run: top } = bench();
    await top(
      '--once',
      '--interval',
      '1ms',
      '--view',
      'peers',
      '--sort',
      'send-rate',
      '--reverse',
      '--rows',
      '1',
    );
    const rows = stdout.text.trimEnd().split('\n').slice(2);
    assert.equal(rows.length, 1);
    assert.match(rows[0]!, /^192\.0\.2\.2 /);
  });
});

describe('weir top where there is no terminal', () => {
  it('prints a table each interval, until its reader goes away', async () => {
    const { stdout, live, run: top } = bench();
    stdout.failAfter = 3;
    assert.equal(await top('--interval', '1ms'), 0);
    assert.equal(stdout.text.split('\n\n').length, 3);
    assert.ok(live.disposed);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    it(`ends on ${signal}`, async () => {
      const { signals, live, run: top } = bench();
      const running = top('--interval', '1h');
      await until(
        () => live.refreshes > 0,
        () => 'no refresh',
      );
      signals.emit(signal, signal);
      assert.equal(await running, 0);
      assert.ok(live.disposed);
      assert.equal(signals.listenerCount(signal), 0);
    });
  }

  it('ends after a count', async () => {
    const { stdout, run: top } = bench();
    assert.equal(await top('--interval', '1ms', '--json', '--count', '3'), 0);
    assert.equal(stdout.text.trimEnd().split('\n').length, 3);
  });

  it('ends in one line where sockets cannot be read', async () => {
    const { live, stderr, factory, run: top } = bench();
    live.error = new Error('no socket diagnosis');
    assert.equal(await top(), 1);
    assert.equal(stderr.text, 'weir: no socket diagnosis\n');
    assert.equal(factory.tracer.stops, 1);
  });
});

describe('the command line of weir top', () => {
  for (const [args, message] of [
    [['--filter', 'foo:bar'], /--filter: there is no field foo/],
    [['--sort', 'foo'], /--sort: the view of connections has no column foo, but proto, pid/],
    [['--view', 'foo'], /--view/],
    [['--interval', '0'], /time/],
  ] as const) {
    it(`is refused with ${args.join(' ')}`, async () => {
      const { stderr, factory, run: top } = bench();
      assert.equal(await top(...args), 2);
      assert.match(stderr.text, /^weir: .*\n$/);
      assert.match(stderr.text, message);
      assert.equal(factory.started.length, 0);
    });
  }

  it('sets the options of the tracer', async () => {
    const { factory, run: top } = bench();
    const flags = [
      '--no-udp',
      '--no-ipv6',
      '--limit',
      '5',
      '--tcp-idle',
      '1m',
      '--udp-idle',
      '2s',
      '--netns',
      '42',
    ];
    await top('--once', '--interval', '1ms', ...flags);
    assert.deepEqual(factory.started, [{ filter: { netns: [42] }, maxConnections: 5 }]);
    assert.deepEqual(factory.tracer.connectionsOptions, {
      ...{ tcp: true, udp: false, ipv6: false, limit: 5, tcpIdleMs: 60_000, udpIdleMs: 2_000 },
    });
  });
});

describe('weir top on a terminal', () => {
  const terminal = () => {
    const screen = new FakeScreen(80, 24);
    const stdin = new FakeStdin();
    return { screen, stdin, terminal: { stdin: stdin.asStream, stdout: screen } };
  };

  it('shows what there is, and gives the terminal back on q', async () => {
    const { screen, stdin, terminal: given } = terminal();
    const { live, run: top } = bench(given);
    const running = top('--interval', '10ms');
    await until(
      () => screen.text.includes('192.0.2.1:443'),
      () => screen.text,
    );
    const before = live.refreshes;
    await until(
      () => live.refreshes > before + 2,
      () => 'no refreshes',
    );
    stdin.write('q');
    assert.equal(await running, 0);
    assert.deepEqual([screen.isAlternate, stdin.isRaw, live.disposed], [false, false, true]);
  });

  it('gives the terminal back on a signal, at the end of its input, and on errors', async () => {
    for (const [cause, status] of [
      ['SIGTERM', 0],
      ['end', 0],
      ['error', 1],
    ] as const) {
      const { screen, stdin, terminal: given } = terminal();
      const { live, signals, stderr, run: top } = bench(given);
      const running = top('--interval', '10ms');
      await until(
        () => screen.isAlternate,
        () => screen.text,
      );
      if (cause === 'SIGTERM') signals.emit(cause, cause);
      else if (cause === 'end') stdin.end();
      else live.error = new Error('the kernel said no');
      assert.equal(await running, status, cause);
      assert.deepEqual([screen.isAlternate, stdin.isRaw, live.disposed], [false, false, true], cause);
      assert.equal(stderr.text, cause === 'error' ? 'weir: the kernel said no\n' : '');
    }
  });

  it('prints instead with --once', async () => {
    const { screen, terminal: given } = terminal();
    const { stdout, run: top } = bench(given);
    assert.equal(await top('--once', '--interval', '1ms'), 0);
    assert.equal(screen.written, '');
    assert.match(stdout.text, /192\.0\.2\.1:443/);
  });
});
