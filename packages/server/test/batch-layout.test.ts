import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FormatError } from '@weir/ebpf/errors';
import { type Batch, type TableName, tables } from '@weir/history/schema';
import { decodeBatch, decodeColumns, summarizeBatch } from '../src/wire/decode-batch.js';
import { addRows, BatchEncoder, encodeBatch } from '../src/wire/encode-batch.js';
import { at, batchOf, endRow, epoch } from './support/batches.js';
import { randomNumbers } from './support/random.js';
import { randomRows } from './support/random-rows.js';

function randomBatch(random: (limit: number) => number): Batch {
  const rows = Object.fromEntries(
    (['hosts', 'ends', 'intervals', 'opens', 'losses'] as const).flatMap((table) => {
      const count = random(40);
      return count === 0 ? [] : [[table, rowsOf(table, count)]];
    }),
  );
  const id = { epoch: epoch.epoch, number: 1 + random(1000) };
  return { ...rowsOf('batches', 1)[0], ...id, ...rows } as unknown as Batch;
  function rowsOf(table: TableName, count: number) {
    return randomRows(tables[table], count, { random, values: 'any' });
  }
}

describe('batches', () => {
  it('is read into rows that take little memory, whatever gaps they have', () => {
    const options = ['--min-semi-space-size=128', '--max-semi-space-size=128'];
    const child = fileURLToPath(new URL('./support/decode-memory-child.js', import.meta.url));
    const bytes = Number(execFileSync(process.execPath, [...options, child], { encoding: 'utf8' }));
    assert.ok(bytes < 2500, `${bytes} bytes a row`);
  });

  it('come back as they were, whatever is in them', () => {
    const random = randomNumbers(1);
    for (let i = 0; i < 200; i++) {
      const batch = randomBatch(random);
      assert.deepEqual(decodeBatch(encodeBatch(batch)), batch);
      assert.deepEqual({ ...decodeColumns(encodeBatch(batch)) }, batch);
    }
  });

  it('come back as they were from an encoder that made others, long ones and a refused one among them', () => {
    const random = randomNumbers(2);
    const encoder = new BatchEncoder();
    for (let i = 0; i < 60; i++) {
      const batch = randomBatch(random);
      if (i % 20 === 0) {
        const count = [300, 3_000, 20_000][i / 20];
        const ends = Array.from({ length: count! }, (_, row) =>
          endRow(row, row % 3 === 0 ? { comm: 'x' } : {}),
        );
        assert.deepEqual(decodeBatch(finish(batchOf(1, ends))), batchOf(1, ends));
        encoder.add('ends', { time: 1n });
        assert.throws(() => encoder.finish(batchOf(1, [])), TypeError);
      }
      assert.deepEqual(decodeBatch(finish(batch)), batch);
    }
    function finish(batch: Batch) {
      addRows(encoder, batch);
      assert.equal(encoder.rows.ends, batch.ends?.length ?? 0);
      return encoder.finish(batch);
    }
  });

  it('come back from memory that is not aligned', () => {
    const batch = batchOf(7, [endRow(1), endRow(2)]);
    const bytes = encodeBatch(batch);
    const moved = Buffer.alloc(bytes.length + 3).subarray(3);
    bytes.copy(moved);
    assert.deepEqual(decodeBatch(moved), batch);
  });

  it('say which they are and how much is in them', () => {
    const batch = batchOf(7, [endRow(1), endRow(2)], { losses: [{ time: at(1), place: 'ring', count: 3 }] });
    assert.deepEqual(summarizeBatch(encodeBatch(batch)), {
      epoch: epoch.epoch,
      number: 7,
      time: at(7),
      rows: { batches: 1, ends: 2, losses: 1 },
    });
  });

  it('without a required value are refused where they are made', () => {
    const { peer_port: _, ...row } = endRow(1);
    assert.throws(() => encodeBatch(batchOf(1, [row as never])), {
      name: 'TypeError',
      message: 'a row of ends has no peer_port',
    });
  });

  it('that are cut off anywhere are refused', () => {
    const bytes = encodeBatch(batchOf(1, [endRow(1), endRow(2), endRow(3)]));
    for (let length = 0; length < bytes.length - 8; length += 7)
      assert.throws(
        () => decodeBatch(Buffer.from(bytes.subarray(0, length))),
        FormatError,
        `${length} bytes`,
      );
  });

  it('with damaged bytes are read or refused, and cause nothing else', () => {
    const bytes = encodeBatch(batchOf(1, [endRow(1), endRow(2, { comm: 'curl' })]));
    const random = randomNumbers(2);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const damaged = Buffer.from(bytes);
      for (let j = random(3); j >= 0; j--) damaged[random(damaged.length)] = random(256);
      try {
        decodeBatch(damaged);
        decodeColumns(damaged);
        summarizeBatch(damaged);
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
        refused++;
      }
    }
    assert.ok(refused > 500);
  });
});

/** A batch with another description. */
function described(
  change: (description: { tables: { rows: number; columns: unknown[][] }[] }) => void,
): Buffer {
  const bytes = encodeBatch(batchOf(1, [endRow(1)]));
  const length = bytes.readUInt32LE(0);
  const description = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  change(description);
  const json = Buffer.from(JSON.stringify(description));
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(json.length);
  const padding = Buffer.alloc((8 - (json.length % 8)) % 8);
  return Buffer.concat([prefix, json, padding, bytes.subarray((8 + length + 7) & ~7)]);
}

describe('descriptions of batches', () => {
  it('with a column that this version does not know are refused with its name', () => {
    const bytes = described(({ tables }) => tables[1]!.columns.push(['colour', 'text', false]));
    assert.throws(() => decodeBatch(bytes), { message: 'rows of ends have the unknown column colour' });
  });

  it('without a column that a row must have are refused with its name', () => {
    const bytes = described(({ tables }) => {
      tables[1]!.columns = tables[1]!.columns.filter(([name]) => name !== 'peer_port');
    });
    assert.throws(() => decodeBatch(bytes), { message: 'rows of ends have no peer_port' });
  });

  it('of more rows than there are bytes reserve no memory', () => {
    const bytes = described(({ tables }) => {
      tables[1]!.rows = 2 ** 40;
    });
    assert.throws(() => decodeBatch(bytes), { message: 'a batch is cut off' });
  });

  it('with a column of another layout are refused', () => {
    const bytes = described(({ tables }) => {
      tables[1]!.columns.find(([name]) => name === 'peer_port')![1] = 'f64';
    });
    assert.throws(() => decodeBatch(bytes), { message: 'column peer_port of ends has the layout f64' });
  });
});
