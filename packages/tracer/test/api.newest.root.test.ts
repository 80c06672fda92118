/** The ways to read a tracer, and to end it. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { type CloseRecord, type TraceRecord, Tracer } from '../src/index.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';

const COUNT = 50;
const load = (netns: TestNetns) => runLoad(netns, 'pairs', '--count', String(COUNT));

/** Descriptors of BPF objects that this process holds. */
function bpfDescriptors(): number {
  return readdirSync('/proc/self/fdinfo').filter((name) => {
    try {
      return /^(prog_type|map_type|link_type):/m.test(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'));
    } catch {
      // The descriptor that listed the folder is gone by now.
      return false;
    }
  }).length;
}

describe('reading a tracer', () => {
  it('gives record by record in order', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
    const records: TraceRecord[] = [];
    const reading = (async () => {
      for await (const record of tracer) records.push(record);
    })();
    await load(netns);
    await tracer.stop();
    await reading;
    assert.equal(records.length, 4 * COUNT);
  });

  it('goes on after a stop that its own loop waits for, to the last record', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
    const loading = load(netns);
    let count = 0;
    for await (const _record of tracer) {
      if (count++ > 0) continue;
      await loading;
      await tracer.stop();
    }
    assert.equal(count, 4 * COUNT);
  });

  it('by listeners gives records of one kind and of all kinds', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
    const seen = { connect: 0, close: 0, record: 0 };
    const countClose = () => seen.close++;
    tracer.on('connect', (record) => {
      assert.equal(record.direction, 'outbound');
      seen.connect++;
    });
    tracer.on('close', countClose).on('record', () => seen.record++);
    const ended = new Promise<void>((resolve) => tracer.on('end', resolve));
    await load(netns);
    await tracer.stop();
    await ended;
    assert.deepEqual(seen, { connect: COUNT, close: 2 * COUNT, record: 4 * COUNT });
    tracer.off('close', countClose);
  });

  it('ends without an error where it is disposed of while it is read', async () => {
    const filter = { pids: [process.pid] };
    const looped = Tracer.start({ filter });
    const next = looped.batches()[Symbol.asyncIterator]().next();
    looped[Symbol.dispose]();
    assert.deepEqual(await next, { done: true, value: undefined });
    const heard = Tracer.start({ filter });
    heard.on('record', () => {});
    const ended = new Promise<void>((resolve, reject) => heard.on('end', resolve).on('error', reject));
    await null;
    heard[Symbol.dispose]();
    await ended;
  });

  it('refuses a second reader', async () => {
    await using tracer = Tracer.start({ filter: { pids: [process.pid] } });
    tracer.on('record', () => {});
    await assert.rejects(async () => {
      for await (const _ of tracer);
    }, /already has a reader/);
  });
});

describe('a tracer that starts while the event loop goes on', () => {
  it('sees every event after its start', async () => {
    using netns = new TestNetns();
    await using tracer = await Tracer.startAsync({ filter: { netns: [netns.inode] } });
    const seen = { record: 0 };
    tracer.on('record', () => seen.record++);
    const ended = new Promise<void>((resolve) => tracer.on('end', resolve));
    await load(netns);
    await tracer.stop();
    await ended;
    assert.equal(seen.record, 4 * COUNT);
  });

  it('refuses what the other does, and leaves nothing', async () => {
    const before = bpfDescriptors();
    await assert.rejects(Tracer.startAsync({ maxConnections: 0 }), OptionError);
    await assert.rejects(Tracer.startAsync({ ringBytes: -1 }), OptionError);
    assert.equal(bpfDescriptors(), before);
  });
});

describe('ending a tracer', () => {
  it('by an abort signal delivers the last records', async () => {
    const abort = new AbortController();
    await using tracer = Tracer.start({ filter: { pids: [process.pid] }, signal: abort.signal });
    const reading = (async () => {
      for await (const _ of tracer);
      return 'ended';
    })();
    abort.abort();
    assert.equal(await reading, 'ended');
  });

  it('by a signal that was already aborted is immediate', async () => {
    await using tracer = Tracer.start({ filter: { netns: [1] }, signal: AbortSignal.abort() });
    for await (const _ of tracer) assert.fail('a record of nothing');
  });

  it('by leaving the loop detaches the programs', async () => {
    const before = bpfDescriptors();
    using netns = new TestNetns();
    const tracer = Tracer.start({ filter: { netns: [netns.inode] } });
    const loading = load(netns);
    for await (const record of tracer) {
      assert.equal(record.event, 'connect');
      break;
    }
    assert.equal(bpfDescriptors(), before);
    await loading;
  });

  it('by disposal works more than once, and keeps the last figures', async () => {
    const before = bpfDescriptors();
    using netns = new TestNetns();
    const tracer = Tracer.start({ filter: { netns: [netns.inode] } });
    assert.ok(bpfDescriptors() > before);
    await load(netns);
    tracer[Symbol.dispose]();
    tracer[Symbol.dispose]();
    await tracer.stop();
    assert.equal(bpfDescriptors(), before);
    assert.equal(tracer.stats().produced.connect, COUNT);
    assert.equal(tracer.stats().delivered.connect, 0);
  });

  it('reports prompt closes at close(), before the connection is over', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start({ filter: { netns: [netns.inode] }, promptClose: true });
    const closes: CloseRecord[] = [];
    tracer.on('close', (record) => closes.push(record));
    const ended = new Promise<void>((resolve) => tracer.on('end', resolve));
    const pairs = await runLoad(
      netns,
      'pairs',
      '--count',
      String(COUNT),
      '--send',
      '100',
      '--closer',
      'client',
    );
    await tracer.stop();
    await ended;
    assert.equal(closes.length, 2 * COUNT);
    const clients = new Set(pairs.map(({ client }) => client.port));
    for (const close of closes) {
      const isClient = clients.has(close.local.port);
      // Payload counts once it is acknowledged, which may be later than the close.
      if (isClient)
        assert.ok(close.bytes_sent === 0 || close.bytes_sent === 100, `${close.bytes_sent} bytes`);
      else assert.equal(close.bytes_received, 100);
      assert.equal(close.closed_by, isClient ? 'local' : 'peer');
    }
    const byPort = new Map(closes.map((close) => [close.local.port, close]));
    for (const server of closes.filter(({ local }) => !clients.has(local.port))) {
      // The server closes once it has the client's FIN, and the connection is over once the client has the server's.
      const serverCloses = server.monotonic_ns - server.closing_us! * 1000;
      assert.ok(byPort.get(server.peer.port)!.monotonic_ns < serverCloses);
    }
  });

  it('leaves nothing where options that make no sense are refused', () => {
    const before = bpfDescriptors();
    assert.throws(() => Tracer.start({ ringBytes: 0 }), OptionError);
    assert.throws(() => Tracer.start({ maxConnections: 1.5 }), OptionError);
    assert.throws(() => Tracer.start({ filter: { peerAddresses: ['10.0.0.1/8'] } }), /10\.0\.0\.0\/8/);
    assert.equal(bpfDescriptors(), before);
  });

  it('rejects a refresh of live connections during a stop and after it, and the program goes on', async () => {
    await using tracer = Tracer.start();
    using live = tracer.connections();
    await live.refresh();
    const during = live.refresh();
    const stopped = tracer.stop();
    await assert.rejects(during, /was stopped|disposed of/);
    await stopped;
    await assert.rejects(live.refresh(), /was stopped/);
    assert.deepEqual(tracer.stats().lost.ring, 0);
    assert.ok([...live].length >= 0);
  });
});
