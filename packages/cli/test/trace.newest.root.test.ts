/** `weir trace` as users run it: from real connections to what it prints. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { bin, onlyLine, traceWhile, WeirProcess } from './support/command.js';
import { assertNothingLeft, existingObjects } from './support/kernel-objects.js';
import { type End, TestNetns, type Truth } from './support/load.js';
import { parseLines } from './support/record-shape.js';

/** ESC [ 3 1 m, then a line break and a byte that is no UTF-8. */
const hostileComm = '1b5b33316d0aff22';

function ofEnd(records: ReturnType<typeof parseLines>, { address, port }: End): typeof records {
  return records.filter(({ local }) => local.address === address && local.port === port);
}

/** A connection whose client sent 5 bytes and closed first, seen from both ends. */
function assertPair(records: ReturnType<typeof parseLines>, { client, server }: Truth, netns: number): void {
  const all = [...ofEnd(records, client), ...ofEnd(records, server)].filter(
    ({ local, peer }) => local.port === client.port || peer.port === client.port,
  );
  const [connect, clientClose, accept, serverClose] = all;
  const what = JSON.stringify(all, null, 1);
  assert.deepEqual(
    all.map(({ event }) => event),
    ['connect', 'close', 'accept', 'close'],
    what,
  );
  assert.ok(clientClose?.event === 'close' && serverClose?.event === 'close');
  assert.equal(connect!.process?.pid, client.pid, what);
  assert.equal(accept!.process?.pid, server.pid, what);
  assert.equal(connect!.process?.comm, 'weir-load', what);
  for (const record of all) assert.equal(record.netns, netns);
  assert.deepEqual(
    all.map(({ direction }) => direction),
    ['outbound', 'outbound', 'inbound', 'inbound'],
  );
  assert.equal(connect!.flow_id, clientClose.flow_id);
  assert.equal(accept!.flow_id, serverClose.flow_id);
  assert.notEqual(connect!.flow_id, accept!.flow_id);
  assert.deepEqual([clientClose.bytes_sent, clientClose.bytes_received], [5, 7], what);
  assert.deepEqual([serverClose.bytes_sent, serverClose.bytes_received], [7, 5], what);
  assert.deepEqual([clientClose.closed_by, serverClose.closed_by], ['local', 'peer'], what);
}

describe('weir trace --json', () => {
  it('prints only what meets --filter, beside the filters of the kernel', async () => {
    using netns = new TestNetns();
    const filter = 'error=ECONNREFUSED or (event:close bytes:12-12 not dir:inbound)';
    const args = ['--json', '--netns', netns.name, '--filter', filter];
    const { status, stdout, stderr } = await traceWhile(args, async () => {
      await netns.load('pairs', '--count', '2', '--send', '5', '--reply', '7', '--closer', 'client');
      await netns.load('refused', '--count', '3');
    });
    assert.equal(status, 0, stderr);
    const kinds = parseLines(stdout).map(({ event, direction }) => `${event} ${direction}`);
    assert.deepEqual(kinds.sort(), [
      ...['close outbound', 'close outbound'],
      ...['fail outbound', 'fail outbound', 'fail outbound'],
    ]);
    assert.match(stderr, /5 events in .*none lost/);
  });

  it('prints lines as documented, for every kind of event', async () => {
    using netns = new TestNetns();
    const args = ['--json', '--netns', netns.name];
    const { status, stdout, stderr, result } = await traceWhile(args, async () => ({
      pairs: [
        ...(await netns.load('pairs', '--count', '5', '--send', '5', '--reply', '7', '--closer', 'client')),
        ...(await netns.load('pairs', '--family', '6', '--send', '5', '--reply', '7', '--closer', 'client')),
      ],
      refused: await netns.load('refused', '--count', '3'),
    }));
    assert.equal(status, 0, stderr);
    const records = parseLines(stdout);
    assert.equal(records.length, 6 * 4 + 3);
    for (const pair of result.pairs) assertPair(records, pair, netns.inode);
    const fails = records.filter((record) => record.event === 'fail');
    assert.equal(fails.length, 3);
    for (const { error, peer, process } of fails) {
      assert.equal(error, 'ECONNREFUSED');
      assert.equal(process?.pid, result.refused[0]!.client.pid);
      assert.ok(result.refused.some((truth) => truth.peer?.port === peer.port));
    }
    const times = records.map(({ time }) => time);
    assert.deepEqual(times, [...times].sort(), 'in the order of time');
    assert.match(onlyLine(stderr), /^27 events in .*: 6 connect, 6 accept, 12 close, 3 fail; none lost$/);
  });

  it('escapes a command name of hostile bytes', async () => {
    using netns = new TestNetns();
    const { stdout } = await traceWhile(['--json', '--netns', netns.name], () =>
      netns.load('pairs', '--comm', hostileComm),
    );
    const connect = parseLines(stdout).find(({ event }) => event === 'connect');
    assert.equal(connect?.process?.comm, '\x1b[31m\n\\xff"');
    assert.ok(stdout.includes('"comm":"\\u001b[31m\\n\\\\xff\\""'), stdout);
    assert.equal(stdout.trimEnd().split('\n').length, 4);
  });
});

describe('the text of weir trace', () => {
  it('is aligned, without colours in a pipe', async () => {
    using netns = new TestNetns();
    const { stdout, stderr } = await traceWhile(['--netns', netns.name], async () => {
      await netns.load('pairs', '--count', '2', '--send', '5', '--reply', '7', '--closer', 'client');
      await netns.load('refused');
    });
    const [header, ...lines] = stdout.trimEnd().split('\n');
    assert.match(header!, /^TIME {9}EVENT {7}PID COMM {12}LOCAL {19}PEER$/);
    const kind = (name: string) => lines.filter((line) => line.slice(13, 20).trimEnd() === name);
    const counts = ['connect', 'accept', 'close', 'fail'].map((name) => kind(name).length);
    assert.deepEqual(counts, [2, 2, 4, 1], stdout);
    const peer = header!.indexOf('PEER');
    for (const line of lines) {
      assert.match(
        line,
        /^\d\d:\d\d:\d\d\.\d{3} (connect|accept |close {2}|fail {3}) +\d+ weir-load {7}127\.0\.0\.1:\d+/,
      );
      assert.match(line.slice(peer - 2), /^[→←] 127\.0\.0\.1:\d+( |$)/);
      assert.ok(!line.includes('\x1b'), line);
    }
    assert.match(kind('close').join('\n'), /sent 5 B, received 7 B, .*closed by local/);
    assert.match(kind('fail').join('\n'), /ECONNREFUSED after [\d.]+ ms$/);
    assert.match(onlyLine(stderr), /^9 events/);
  });

  it('escapes a command name of hostile bytes', async () => {
    using netns = new TestNetns();
    const { stdout } = await traceWhile(['--netns', netns.name], () =>
      netns.load('pairs', '--comm', hostileComm),
    );
    assert.match(stdout, / \\x1b\[31m\\n\\xff" /);
    assert.equal(stdout.trimEnd().split('\n').length, 5);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f]/);
  });
});

describe('filters of weir trace', () => {
  it('keep by --pid only the events of these processes', async () => {
    using netns = new TestNetns();
    // This test's own process is none that connects.
    const none = await traceWhile(['--json', '--netns', netns.name, '--pid', String(process.pid)], () =>
      netns.load('pairs', '--count', '3'),
    );
    assert.equal(none.stdout, '');
    assert.match(onlyLine(none.stderr), /^0 events/);
  });

  it('keep by --port, --peer-port, --local-port and --event only matching events', async () => {
    using netns = new TestNetns();
    const counts: Record<string, number> = {};
    for (const filter of [
      '--port 4711',
      '--peer-port 4000-4711',
      '--local-port 4711 -e accept',
      '--port 4712',
    ]) {
      const { stdout, result } = await traceWhile(
        ['--json', '--netns', netns.name, ...filter.split(' ')],
        () => netns.load('pairs', '--count', '3', '--port', '4711', '--closer', 'client'),
      );
      assert.equal(result.length, 3);
      counts[filter] = parseLines(stdout).length;
    }
    assert.deepEqual(counts, {
      '--port 4711': 12,
      '--peer-port 4000-4711': 6,
      '--local-port 4711 -e accept': 3,
      '--port 4712': 0,
    });
  });
});

describe('the end of weir trace', () => {
  it('comes with --count after exactly so many events, and leaves nothing', async () => {
    using netns = new TestNetns();
    const before = existingObjects();
    using weir = new WeirProcess([
      'trace',
      '--json',
      '--count',
      '3',
      '--netns',
      netns.name,
      '--ready-fd',
      '3',
    ]);
    await weir.ready();
    await netns.load('pairs', '--count', '10');
    const { status, stdout, stderr } = await weir.ended;
    assert.equal(status, 0, stderr);
    assert.equal(parseLines(stdout).length, 3);
    assert.match(onlyLine(stderr), /^3 events/);
    await assertNothingLeft(before);
  });

  it('comes with --duration after that time, and leaves nothing', async () => {
    using netns = new TestNetns();
    const before = existingObjects();
    using weir = new WeirProcess(['trace', '--duration', '700ms', '--netns', netns.name, '--ready-fd', '3']);
    await weir.ready();
    const start = performance.now();
    const { status, stderr } = await weir.ended;
    assert.equal(status, 0, stderr);
    // The duration began a little before the line came that said it was ready.
    assert.ok(performance.now() - start > 400);
    assert.match(onlyLine(stderr), /^0 events in .*; none lost$/);
    await assertNothingLeft(before);
  });

  it('comes when the reader of its output goes away, with status 0, no message, and nothing left', async () => {
    using netns = new TestNetns();
    const before = existingObjects();
    const script = '{ "$0" "$@" 4>&-; echo "status $?" >&4; } 4>&2 | head -n 1 3>&-';
    const args = [bin, 'trace', '--json', '--netns', netns.name, '--ready-fd', '3'];
    const shell = spawn('sh', ['-c', `exec 2>&1; ${script}`, process.execPath, ...args], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    let output = '';
    let open = true;
    shell.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    shell.once('close', () => {
      open = false;
    });
    const readiness = once(shell.stdio[3] as Readable, 'data');
    await Promise.race([readiness, once(shell, 'close')]);
    assert.ok(open, `it ended before it was ready: ${output}`);
    // The first lines end head; only a write after that finds that nobody reads, and one write may
    // hold the lines of several loads.
    while (open) await netns.load('pairs');
    const lines = output.trimEnd().split('\n');
    assert.equal(lines.length, 2, output);
    assert.equal(parseLines(`${lines[0]}\n`)[0]?.event, 'connect');
    assert.equal(lines[1], 'status 0');
    await assertNothingLeft(before);
  });
});
