import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RecordQueue } from '../src/stream/record-queue.js';
import { FakeRing, fakeStream, watchRecords } from './support/fake-ring.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapMebibytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

describe('the queue of records', () => {
  it('keeps their order while it grows, wraps around and is cut short', () => {
    const queue = new RecordQueue<number>();
    const expected: number[] = [];
    let next = 0;
    for (let round = 0; round < 2000; round++) {
      for (let count = (round * 7) % 13; count > 0; count--) {
        queue.push(next);
        expected.push(next++);
      }
      for (let count = (round * 5) % 11; count > 0 && expected.length > 0; count--) {
        assert.equal(queue.shift(), expected.shift());
      }
      if (round % 500 === 499) {
        const kept = expected.length >> 1;
        assert.deepEqual(queue.truncate(kept), expected.splice(kept));
      }
      assert.equal(queue.length, expected.length);
    }
    assert.deepEqual(
      expected.map((_, index) => queue.at(index)),
      expected,
    );
  });

  it('has room for what waits, not for all that ever came', () => {
    const queue = new RecordQueue<number>();
    for (let index = 0; index < 1000; index++) queue.push(index);
    for (let index = 1000; index < 1_000_000; index++) {
      queue.push(index);
      queue.shift();
    }
    assert.equal(queue.capacity, 1024);
  });
});

describe('a reader that never catches up', () => {
  it('does not make the heap grow', async () => {
    const ring = new FakeRing();
    const { stream } = fakeStream(ring);
    stream.hasReader = true;
    stream.watch(watchRecords());
    const round = async (): Promise<void> => {
      ring.addCloses(1024);
      await stream.drain();
      assert.equal(stream.take().length, 1024);
    };
    ring.addCloses(3000);
    for (let count = 0; count < 50; count++) await round();
    const before = heapMebibytes();
    for (let count = 0; count < 300; count++) await round();
    const grown = heapMebibytes() - before;
    assert.ok(grown < 20, `the heap grew by ${grown.toFixed(1)} MiB`);
    assert.equal(stream.isEmpty, false);
  });

  it('is spared what exceeds the limit, which is counted to the record', async () => {
    const ring = new FakeRing();
    const { stream, losses } = fakeStream(ring);
    stream.hasReader = true;
    let seen = 0;
    stream.watch(
      watchRecords(({ event }) => {
        if (event !== 'lost') seen++;
      }),
    );
    for (let count = 0; count < 20; count++) {
      ring.addCloses(4096);
      await stream.drain();
    }
    await stream.drain(true);
    let [read, lost] = [0, 0];
    while (!stream.isEmpty) {
      for (const record of stream.take()) {
        if (record.event === 'lost') lost += record.count;
        else read++;
      }
    }
    assert.equal(seen, ring.produced);
    assert.equal(read, 65_536);
    assert.equal(lost, ring.produced - read);
    assert.equal(losses.counts().ring, lost);
  });
});
