/** A history on a disk of its own, FOLDER, which is made read-only. Ends with an error where something is not as it should be. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { HistoryStore, ReadOnlyError } from '../../src/index.js';
import { plainEnd } from './plain-rows.js';
import { Random } from './random-rows.js';
import { batchOf, HOUR, HOUR_NS, readTable } from './store.js';

const [disk] = process.argv.slice(2) as [string];
const folder = join(disk, 'history');
const random = new Random(61);
const ends = (hour: bigint) => [plainEnd(random, { time: HOUR + hour * HOUR_NS })];
const remount = (how: string) => execFileSync('mount', ['-o', `remount,${how}`, disk]);

const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
await store.append(batchOf(1, { ends: ends(0n), time: HOUR + 2n * HOUR_NS }));
await store.maintain();
await store.append(batchOf(2, { ends: ends(1n), time: HOUR + 3n * HOUR_NS }));
await store.close();

remount('ro');
await assert.rejects(HistoryStore.open({ folder }), (error) => {
  assert.ok(error instanceof ReadOnlyError);
  assert.match(error.message, /its disk is read-only: open it for reading only$/);
  return true;
});
const reading = await HistoryStore.open({ folder, readOnly: true });
assert.equal((await readTable(reading, 'ends')).length, 2);
await assert.rejects(reading.append(batchOf(3, {})), ReadOnlyError);
await reading.close();

remount('rw');
const again = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
assert.equal((await readTable(again, 'ends')).length, 2);
await again.append(batchOf(3, { ends: ends(2n), time: HOUR + 4n * HOUR_NS }));
await again.close();
