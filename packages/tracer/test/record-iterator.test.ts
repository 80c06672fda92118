import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LostRecord, TraceRecord } from '../src/index.js';
import { RecordIterator } from '../src/stream/record-iterator.js';

const numbered = (count: number): LostRecord => ({
  ...{ event: 'lost', time: '', monotonic_ns: 0, where: 'udp' },
  count,
});

interface Batches extends AsyncIterable<readonly TraceRecord[]> {
  ended: boolean;
}

function batchesOf(lengths: readonly number[], error?: Error): Batches {
  const batches: Batches = {
    ended: false,
    async *[Symbol.asyncIterator]() {
      try {
        let count = 0;
        for (const length of lengths) {
          await nextTurn();
          yield Array.from({ length }, () => numbered(count++));
        }
        if (error !== undefined) throw error;
      } finally {
        batches.ended = true;
      }
    },
  };
  return batches;
}

const countOf = (record: TraceRecord): number => (record as LostRecord).count;

describe('single records of batches', () => {
  it('come in their order, and end after the last', async () => {
    const found: number[] = [];
    const records = new RecordIterator(batchesOf([3, 0, 1, 5]));
    for await (const record of records) found.push(countOf(record));
    assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(await records.next(), { done: true, value: undefined });
  });

  it('come in their order where several are asked for at once', async () => {
    const records = new RecordIterator(batchesOf([2, 3, 4]));
    const results = [];
    for (let count = 0; count < 12; count++) {
      results.push(records.next());
      if (count === 5) await results[2];
    }
    const values = (await Promise.all(results)).map((result) =>
      result.done ? 'end' : countOf(result.value),
    );
    assert.deepEqual(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 'end', 'end', 'end']);
  });

  it('end the batches where the loop is left early', async () => {
    const batches = batchesOf([10, 10]);
    const records = new RecordIterator(batches);
    for await (const record of records) if (countOf(record) === 3) break;
    assert.ok(batches.ended);
    assert.equal((await records.next()).done, true);
  });

  it('pass on the error that ends the batches, after the records before it', async () => {
    const error = new Error('the ring is gone');
    const found: number[] = [];
    const records = new RecordIterator(batchesOf([2], error));
    await assert.rejects(async () => {
      for await (const record of records) found.push(countOf(record));
    }, error);
    assert.deepEqual(found, [0, 1]);
    assert.equal((await records.next()).done, true);
  });
});
