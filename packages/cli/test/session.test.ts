/** The life of a session, with a tracer that needs no kernel. */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { OptionError, VerifierError } from '@weir/ebpf';
import { Output } from '../src/output/output.js';
import { runSession, type SessionRequest } from '../src/trace/trace-session.js';
import { Capture } from './support/captured-output.js';
import { FakeFactory, type Script } from './support/fake-tracer.js';
import { accept, connect, fail, fdInstall, lost } from './support/records.js';

interface Bench {
  readonly stdout: Capture;
  readonly stderr: Capture;
  readonly signals: EventEmitter;
  readonly exits: number[];
  readonly factory: FakeFactory;
  run(request?: Partial<SessionRequest>): Promise<number>;
}

function bench(script: Script, options: { terminal?: boolean } = {}): Bench {
  const stdout = new Capture();
  const stderr = new Capture({ isTTY: options.terminal ?? false });
  const signals = new EventEmitter();
  const exits: number[] = [];
  const factory = new FakeFactory(script);
  const host = { stdout: new Output(stdout), stderr, signals, exit: (code: number) => void exits.push(code) };
  return {
    stdout,
    stderr,
    signals,
    exits,
    factory,
    run: (request = {}) => runSession({ options: {}, format: 'json', ...request }, factory, host),
  };
}

const turns = async (count = 5) => {
  for (let index = 0; index < count; index++) await new Promise(setImmediate);
};
const lines = (text: string) => text.split('\n').filter((line) => line !== '');

describe('a session of weir trace', () => {
  it('says which types are not used, and with --debug why the kernel refused them', async () => {
    const refusal = new VerifierError('p', 22, 'R1 invalid\x1b\n');
    const types = { source: 'kernel', rejected: 'the types given are not these', refusal } as const;
    const saidWith = async (debug: boolean) => {
      const test = bench({ batches: [], ends: true, types });
      assert.equal(await test.run({ debug, summary: false }), 0);
      return test.stderr.text;
    };
    const line = "weir: the types given are not these; types in use: the kernel's own\n";
    assert.equal(await saidWith(false), line);
    assert.equal(await saidWith(true), `${line}R1 invalid\\x1b\n`);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    it(`ends on ${signal} with what is still in the ring and a summary`, async () => {
      const test = bench({ batches: [[connect()], [accept()]], remaining: [connect(), lost()] });
      const running = test.run();
      await turns();
      assert.equal(lines(test.stdout.text).length, 2);
      test.signals.emit(signal, signal);
      assert.equal(await running, 0);
      assert.equal(lines(test.stdout.text).length, 4);
      assert.match(
        test.stderr.text,
        /^weir: 3 events in [\d.]+ (?:µs|ms|s): 2 connect, 1 accept; none lost\n$/,
      );
      assert.equal(test.factory.tracer.stops, 1);
      assert.equal(test.signals.listenerCount('SIGINT'), 0);
    });
  }

  it('that is still starting ends on a signal after the start, with a summary', async () => {
    const test = bench({ batches: [], remaining: [connect()] });
    let go = () => {};
    test.factory.mayStart = new Promise((resolve) => {
      go = resolve;
    });
    const running = test.run();
    await turns();
    test.signals.emit('SIGINT', 'SIGINT');
    await turns();
    assert.equal(test.factory.tracer.stops, 0);
    go();
    assert.equal(await running, 0);
    assert.equal(test.factory.tracer.stops, 1);
    assert.match(test.stderr.text, /^weir: 1 event in /);
  });

  it('that cannot start after a signal says why', async () => {
    const test = bench({ batches: [] });
    test.factory.startError = new Error('no BTF');
    let go = () => {};
    test.factory.mayStart = new Promise((resolve) => {
      go = resolve;
    });
    const running = test.run();
    test.signals.emit('SIGINT', 'SIGINT');
    go();
    await assert.rejects(running, /no BTF/);
    assert.equal(test.signals.listenerCount('SIGINT'), 0);
  });

  it('is forced to exit by a second signal', async () => {
    const test = bench({ batches: [[connect()]] });
    let release = () => {};
    test.stdout.blocked = new Promise((resolve) => {
      release = resolve;
    });
    const running = test.run();
    await turns();
    test.signals.emit('SIGINT', 'SIGINT');
    await turns();
    assert.deepEqual(test.exits, []);
    test.signals.emit('SIGTERM', 'SIGTERM');
    assert.deepEqual(test.exits, [143]);
    release();
    await running;
  });

  it('ends after its duration', async () => {
    const test = bench({ batches: [[connect()]] });
    const started = performance.now();
    assert.equal(await test.run({ durationMs: 50 }), 0);
    const elapsed = performance.now() - started;
    assert.ok(elapsed >= 45, `${elapsed} ms`);
    assert.equal(test.factory.tracer.stops, 1);
  });

  it('ends after its count of socket events, in the middle of a batch', async () => {
    const test = bench({ batches: [[connect(), lost(), connect(), connect(), connect()], [connect()]] });
    assert.equal(await test.run({ count: 3 }), 0);
    const events = lines(test.stdout.text).map((line) => JSON.parse(line).event);
    assert.deepEqual(events, ['connect', 'lost', 'connect', 'connect']);
    assert.equal(test.factory.tracer.stops, 1);
    assert.match(test.stderr.text, /3 events/);
  });

  it('ends when the tracer ends', async () => {
    const test = bench({ batches: [[connect()]], ends: true });
    assert.equal(await test.run(), 0);
    assert.equal(test.factory.tracer.stops, 1);
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const batches = Array.from({ length: 100 }, () => [connect()]);
    const test = bench({ batches });
    test.stdout.failAfter = 3;
    assert.equal(await test.run(), 0);
    assert.equal(test.stderr.text, '');
    assert.equal(test.factory.tracer.stops, 1);
    assert.ok(test.factory.tracer.taken < 6, `${test.factory.tracer.taken} batches`);
  });

  it('ends when the reader goes away while nothing happens', async () => {
    const test = bench({ batches: [] });
    const running = test.run();
    await turns();
    test.stdout.destroy(test.stdout.failure);
    assert.equal(await running, 0);
    assert.equal(test.stderr.text, '');
  });

  it('fails when its output cannot be written, and stops the tracer', async () => {
    const test = bench({ batches: [[connect()]] });
    test.stdout.failAfter = 0;
    test.stdout.failure = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    await assert.rejects(test.run(), /ENOSPC/);
    assert.equal(test.factory.tracer.stops, 1);
  });

  it('takes no further batch while its output is slow', async () => {
    const test = bench({ batches: Array.from({ length: 100 }, () => [connect()]) });
    let release = () => {};
    test.stdout.blocked = new Promise((resolve) => {
      release = resolve;
    });
    const running = test.run();
    await turns(50);
    assert.equal(test.factory.tracer.taken, 1);
    test.stdout.blocked = undefined;
    release();
    await turns(300);
    assert.equal(test.factory.tracer.taken, 100);
    test.signals.emit('SIGINT', 'SIGINT');
    await running;
  });

  it('writes a large batch in pieces', async () => {
    const test = bench({ batches: [Array.from({ length: 2000 }, () => connect())], ends: true });
    await test.run({ enricher: { enrich: (record) => record } });
    assert.equal(lines(test.stdout.text).length, 2000);
    assert.equal(test.stdout.writes, 4);
  });

  it('throws the errors of the tracer after stopping it', async () => {
    const test = bench({ batches: [[connect()]], error: new Error('ring gone') });
    await assert.rejects(test.run(), /ring gone/);
    assert.equal(test.factory.tracer.stops, 1);
    const refusing = bench({ batches: [], ends: true, stopError: new Error('cannot detach') });
    await assert.rejects(refusing.run(), /cannot detach/);
    const signalled = bench({ batches: [], stopError: new Error('cannot detach') });
    const running = signalled.run();
    await turns();
    signalled.signals.emit('SIGINT', 'SIGINT');
    await assert.rejects(running, /cannot detach/);
  });

  it('turns options that make no sense into a usage error', async () => {
    const test = bench({ batches: [] });
    test.factory.startError = new OptionError('too many prefixes: at most 64');
    await assert.rejects(test.run(), { name: 'UsageError', message: 'too many prefixes: at most 64' });
    test.factory.startError = new Error('no BTF');
    await assert.rejects(test.run(), { name: 'Error', message: 'no BTF' });
    assert.equal(test.signals.listenerCount('SIGINT'), 0);
  });

  it('reports the accept hook on a terminal, and the whole plan with --verbose', async () => {
    const quiet = bench({ batches: [], ends: true });
    await quiet.run({ summary: false });
    assert.equal(quiet.stderr.text, '');
    const terminal = bench({ batches: [], ends: true }, { terminal: true });
    await terminal.run({ summary: false });
    assert.equal(terminal.stderr.text, 'weir: tracing (accept seen by listener); Ctrl-C ends\n');
    const verbose = bench({ batches: [], ends: true });
    await verbose.run({ verbose: true, summary: false });
    assert.deepEqual(lines(verbose.stderr.text), [
      "weir: types in use: the kernel's own",
      'weir: lifecycle of connections: raw_tracepoint:inet_sock_set_state',
      'weir: process that accepts: listener',
      'weir:   Accepts are put down to the listener.',
      'weir: tracing (accept seen by listener); Ctrl-C ends',
    ]);
  });

  it('sums up losses by cause and inversions', async () => {
    const stats = { lost: { ring: 1234, map: 0, probe: 1, udp: 5, missed: 0 }, inversions: 2 };
    const test = bench({ batches: [[connect()]], ends: true, stats });
    await test.run();
    assert.deepEqual(lines(test.stderr.text).slice(1), [
      'weir: 1,234 events lost: the ring buffer was full; --ring-size or a filter helps',
      'weir: 1 event lost: the kernel skipped a probe',
      'weir: 5 datagrams lost: the table of UDP flows was full; --max-connections helps',
      'weir: 2 events out of order',
    ]);
    assert.doesNotMatch(test.stderr.text, /none lost/);
  });

  it('watches descriptors from before it is ready, and prints them as events', async () => {
    const test = bench({ batches: [[fdInstall(), connect()]], ends: true });
    await test.run({ watchFds: [7, 8] });
    assert.deepEqual([...test.factory.tracer.watched], [7, 8]);
    assert.equal(lines(test.stdout.text).length, 2);
    assert.match(test.stderr.text, /2 events in .*: 1 connect, 1 fd_install; none lost/);
    const refused = bench({ batches: [], watchError: new Error('no hook') });
    await assert.rejects(refused.run({ watchFds: [7] }), /no hook/);
    assert.equal(refused.factory.tracer.stops, 1);
    assert.equal(refused.stdout.text, '');
  });

  it('prints the lines of tcptracer-bpf, acknowledgements first, and losses on standard error', async () => {
    const batch = [connect(), fail(), lost(), fdInstall(), accept(), accept()];
    const test = bench({ batches: [batch], ends: true });
    await test.run({ format: 'tcptracer', watchFds: [7, 8], count: 3, summary: false });
    assert.deepEqual(lines(test.stdout.text), [
      'Monitor fdinstall events for pid 7',
      'Monitor fdinstall events for pid 8',
      '1234567890 cpu#1 connect 4242 curl 10.0.0.5:40000 192.0.2.1:443 4026531840',
      '1234567890 cpu#1 fdinstall 4242 curl 12',
      '1234567890 cpu#1 accept 4242 curl 10.0.0.5:40000 192.0.2.1:443 4026531840',
    ]);
    assert.equal(test.stderr.text, 'weir: lost 37 events: the ring buffer was full\n');
  });

  it('prints a header and text by default, fitted to a terminal', async () => {
    const test = bench({ batches: [[connect()]], ends: true });
    await test.run({ format: 'text' });
    assert.deepEqual(
      lines(test.stdout.text).map((line) => line.slice(13, 20)),
      ['EVENT  ', 'connect'],
    );
  });
});
