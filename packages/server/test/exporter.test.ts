/** Queues, waits and counts of exporters. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackOff, retryAfterMs } from '../src/exporters/back-off.js';
import { DeliveryQueue } from '../src/exporters/delivery-queue.js';
import { Exporter, type ExporterOptions } from '../src/exporters/exporter.js';
import { packetsOf } from '../src/exporters/packet.js';
import { FakeSink, recordsOf } from './support/exporters.js';

function packet(bytes: number, records = 1) {
  return { bytes, records, parts: [] };
}

describe('a queue of packets', () => {
  it('has room for so many bytes, and for one packet of any size', () => {
    const queue = new DeliveryQueue(100);
    assert.equal(queue.offer(packet(500, 3)), true);
    assert.equal(queue.offer(packet(1)), false);
    assert.equal(queue.records, 3);
    queue.remove(queue.first!);
    assert.deepEqual(
      [queue.offer(packet(60)), queue.offer(packet(40)), queue.offer(packet(1))],
      [true, true, false],
    );
    assert.equal(queue.clear(), 2);
    assert.equal(queue.offer(packet(100)), true);
  });

  it('has what is put back before all others', () => {
    const queue = new DeliveryQueue(1);
    const [first, second] = [packet(1), packet(1)];
    queue.offer(second);
    queue.putBack([first]);
    assert.equal(queue.first, first);
    assert.equal(queue.records, 2);
  });
});

describe('waits before another attempt', () => {
  it('double up to a bound, are shortened by chance, and begin anew once it works', () => {
    const longest = new BackOff(() => 1);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7].map(() => longest.next()),
      [500, 1000, 2000, 4000, 8000, 15_000, 15_000],
    );
    longest.reset();
    assert.equal(longest.next(), 500);
    assert.equal(new BackOff(() => 0).next(), 250);
  });

  it('are as long as the receiver asks for, within five minutes', () => {
    assert.equal(new BackOff(() => 1).next(7000), 7000);
    assert.equal(new BackOff(() => 1).next(1e9), 300_000);
    assert.equal(retryAfterMs('7', 0), 7000);
    assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 2000), 7000);
    assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 20_000), 0);
    assert.deepEqual([retryAfterMs(undefined, 0), retryAfterMs('soon', 0)], [undefined, undefined]);
  });
});

describe('packets of messages', () => {
  it('have a thousand messages, or a megabyte, at most', () => {
    const sizes = (messages: Buffer[]) => packetsOf(messages).map(({ records, bytes }) => [records, bytes]);
    assert.deepEqual(sizes(Array(2500).fill(Buffer.alloc(2))), [
      [1000, 2000],
      [1000, 2000],
      [500, 1000],
    ]);
    const large = Buffer.alloc(700_000);
    assert.deepEqual(sizes([large, large, Buffer.alloc(2_000_000)]), [
      [1, 700_000],
      [1, 700_000],
      [1, 2_000_000],
    ]);
    assert.deepEqual(sizes([]), []);
  });
});

describe('an exporter', () => {
  const make = (sink: FakeSink, more: Partial<ExporterOptions> = {}) => {
    const said: string[] = [];
    const exporter = new Exporter({
      ...{ name: 'test', type: 'fake', sink, queueBytes: 1e6, isWanted: () => true, random: () => 0 },
      say: (message) => said.push(message),
      ...more,
    });
    return { exporter, said };
  };
  const counts = (exporter: Exporter) => {
    const { sent, waiting, dropped, refused, repeated } = exporter.status;
    return { sent, waiting, dropped, refused, repeated };
  };
  const none = { sent: 0, waiting: 0, dropped: 0, refused: 0, repeated: 0 };

  it('sends again what failed, in its order, and says once that it fails and once that it works', async () => {
    const sink = new FakeSink();
    sink.answers.push(
      { kind: 'sent' },
      { kind: 'retry', message: 'gone' },
      { kind: 'retry', message: 'gone' },
    );
    const { exporter, said } = make(sink);
    exporter.publish(recordsOf(3));
    await sleep(50);
    assert.equal(exporter.status.problem, 'gone');
    assert.deepEqual(counts(exporter), { ...none, sent: 1, waiting: 2 });
    while (exporter.status.waiting > 0) await sleep(20);
    assert.deepEqual(
      sink.sent.map(({ parts }) => JSON.parse(`${parts[0]}`).bytes_sent),
      [500, 501, 502],
    );
    assert.ok(sink.times[2]! - sink.times[1]! >= 240, 'it waited');
    assert.ok(sink.times[3]! - sink.times[2]! >= 490, 'and longer the second time');
    assert.deepEqual(said, [
      'exporter test: gone; records wait and are sent later',
      'exporter test: the receiver takes records again',
    ]);
    assert.equal(exporter.status.problem, undefined);
    await exporter.close(1000);
    assert.equal(sink.isClosed, true);
  });

  it('waits as long as the receiver asks for', async () => {
    const sink = new FakeSink();
    sink.answers.push({ kind: 'retry', message: 'busy', afterMs: 600 });
    const { exporter } = make(sink);
    exporter.publish(recordsOf(1));
    while (exporter.status.sent === 0) await sleep(20);
    assert.ok(sink.times[1]! - sink.times[0]! >= 590);
    await exporter.close(0);
  });

  it('counts each record once: sent, dropped, refused or waiting', async () => {
    const sink = new FakeSink();
    sink.answers.push(
      { kind: 'refused', message: 'no' },
      { kind: 'sent', refused: 1, message: 'not\nthis one\u001b[2J' },
      { kind: 'sent' },
    );
    const { exporter, said } = make(sink);
    exporter.publish(recordsOf(3));
    while (exporter.status.waiting > 0) await sleep(5);
    assert.deepEqual(counts(exporter), { ...none, sent: 1, refused: 2 });
    sink.otherwise = { kind: 'retry', message: 'gone' };
    const size = recordsOf(1)[0]!.json.length;
    const { exporter: small, said: saidSmall } = make(sink, { queueBytes: size * 2 });
    small.publish(recordsOf(5));
    small.publish(recordsOf(4));
    assert.deepEqual(counts(small), { ...none, waiting: 2, dropped: 7 });
    await small.close(100);
    assert.deepEqual(counts(small), { ...none, dropped: 9 });
    assert.match(saidSmall.join('\n'), /3 records were dropped: they found no room \(3 in all\)/);
    assert.match(saidSmall.join('\n'), /6 records were dropped: it ends \(9 in all\)/);
    await exporter.close(0);
    assert.match(said.join('\n'), /1 records were refused: no/);
    assert.match(said.join('\n'), /1 records were refused: not\\u000athis one\\u001b\[2J \(2 in all\)/);
  });

  it('sends before all others what its sink gives back, and counts it as repeated', async () => {
    const sink = new FakeSink();
    const { exporter } = make(sink);
    exporter.publish(recordsOf(2));
    while (exporter.status.waiting > 0) await sleep(5);
    sink.onReturned!([sink.sent[1]!]);
    assert.deepEqual(counts(exporter), { ...none, sent: 1, waiting: 1, repeated: 1 });
    while (exporter.status.waiting > 0) await sleep(5);
    assert.deepEqual(counts(exporter), { ...none, sent: 2, repeated: 1 });
    await exporter.close(0);
  });

  it('sends what waits when it ends, for a time at most', async () => {
    const sink = new FakeSink();
    sink.answers.push({ kind: 'retry', message: 'gone' });
    const { exporter } = make(sink);
    exporter.publish(recordsOf(10));
    await exporter.close(5000);
    assert.deepEqual(counts(exporter), { ...none, sent: 10 });
    const stuck = new FakeSink();
    stuck.send = (_packet, signal?: AbortSignal) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => resolve({ kind: 'retry', message: 'it ends' }));
      });
    const { exporter: slow } = make(stuck);
    slow.publish(recordsOf(10));
    // What is under way would never end by itself.
    await slow.close(200);
    assert.deepEqual(counts(slow), { ...none, dropped: 10 });
  });

  it('goes on at once with another sink, and keeps what waits and its counts', async () => {
    const [sink, other] = [new FakeSink(), new FakeSink()];
    sink.otherwise = { kind: 'retry', message: 'gone', afterMs: 60_000 };
    const { exporter } = make(sink);
    exporter.publish(recordsOf(3));
    await sleep(20);
    await exporter.replace(other, () => false);
    while (exporter.status.waiting > 0) await sleep(5);
    assert.equal(other.sent.length, 3);
    assert.equal(sink.isClosed, true);
    exporter.publish(recordsOf(3));
    assert.deepEqual(counts(exporter), { ...none, sent: 3 });
    await exporter.close(0);
  });

  it('sends only connections that meet its filter, and all losses', async () => {
    const sink = new FakeSink();
    const { exporter } = make(sink, { isWanted: ({ connection }) => connection?.bytes_sent === 501 });
    exporter.publish(recordsOf(3, {}, { losses: [{ time: 1n, place: 'ring', count: 7 }] }));
    await exporter.close(1000);
    const lines = sink.sent.map(({ parts }) => JSON.parse(`${parts[0]}`));
    assert.deepEqual(
      lines.map(({ event }) => event),
      ['close', 'lost'],
    );
    assert.deepEqual(lines[1], {
      event: 'lost',
      time: '1970-01-01T00:00:00.000000001Z',
      count: 7,
      where: 'ring',
    });
  });
});
