/** Fills a small disk with a history: FOLDER. Ends with an error where something is not as it should be. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiskFullError, HistoryStore, type Notice } from '../../src/index.js';
import type { EndRow } from '../../src/schema/index.js';
import { plainEnd } from './plain-rows.js';
import { Random } from './random-rows.js';
import { batchOf, HOUR, HOUR_NS, readTable } from './store.js';

const [disk] = process.argv.slice(2) as [string];
const folder = join(disk, 'history');
const BATCH_ROWS = 300;
const BATCHES = 300;
const notices: Notice[] = [];
const options = { folder, minimumFreeBytes: 0, notice: (notice: Notice) => notices.push(notice) };
const random = new Random(5);
/** Ten batches an hour, of rows that cannot be compressed. */
const timeOf = (number: number) => HOUR + (BigInt(number) * HOUR_NS) / 10n;

function rows(number: number): EndRow[] {
  return Array.from({ length: BATCH_ROWS }, (_, index) =>
    plainEnd(random, {
      time: timeOf(number) + BigInt(index),
      flow_ns: BigInt(number * BATCH_ROWS + index),
      command_line: randomBytes(1000).toString('base64'),
    }),
  );
}

let store = await HistoryStore.open(options);
for (let number = 1; number <= BATCHES; number++) {
  assert.equal(await store.append(batchOf(number, { ends: rows(number), time: timeOf(number) })), true);
  if (number % 10 === 2) await store.maintain();
}
await checkAll(BATCHES);
assert.ok(
  notices.some(({ kind }) => kind === 'disk-full'),
  JSON.stringify(notices),
);
await store.close();
store = await HistoryStore.open(options);
await checkAll(BATCHES);

// Somebody else fills what is left.
const other = join(disk, 'other');
for (;;) {
  const { bavail, bsize } = statfsSync(disk);
  const chunk = Math.min(bavail * bsize, 2 ** 20);
  try {
    writeFileSync(other, Buffer.alloc(Math.max(chunk, 4096)), { flag: 'a' });
  } catch {
    break;
  }
}
let number = BATCHES + 1;
let last = { ends: rows(number), time: timeOf(number) };
await assert.rejects(
  async () => {
    for (; number < BATCHES + 1000; number++) {
      last = { ends: rows(number), time: timeOf(number) };
      await store.append(batchOf(number, last));
    }
  },
  (error) => error instanceof DiskFullError && /no segment is left/.test(error.message),
);
assert.equal((await readTable(store, 'losses')).length > 0, true);
unlinkSync(other);
assert.equal(await store.append(batchOf(number, last)), true);
await checkAll(number);
await store.close();

/** Every row is there once, or counted as lost in its time; the newest are there. */
async function checkAll(batches: number): Promise<void> {
  const ends = await store.read((session) => session.query(`SELECT flow_ns FROM ${session.source('ends')}`));
  const losses = (await readTable(store, 'losses')).filter(({ place }) => place === 'history');
  const found = new Set(ends.map(([flow]) => flow));
  assert.equal(found.size, ends.length);
  const lost = losses.reduce((sum, { count }) => sum + count!, 0);
  assert.equal(ends.length + lost, batches * BATCH_ROWS);
  assert.ok(losses.every(({ detail }) => detail!.startsWith('the disk was full: the segment ends-')));
  for (let batch = 1; batch <= batches; batch++) {
    if (found.has(BigInt(batch * BATCH_ROWS))) continue;
    const time = timeOf(batch);
    assert.ok(
      losses.some((loss) => loss.since! <= time && loss.time >= time),
      `batch ${batch}`,
    );
  }
  assert.ok(found.has(BigInt(batches * BATCH_ROWS + BATCH_ROWS - 1)));
}
