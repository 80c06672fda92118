import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReaderProgress } from '../src/stream/reader-progress.js';

/** Whether the reader was found to rest within the time in which it does so at the latest. */
async function isResting(progress: ReaderProgress): Promise<boolean> {
  let isOver = false;
  const end = sleep(200).then(() => {
    isOver = true;
  });
  await progress.rests(end, 20);
  return !isOver;
}

it('a reader that asks for nothing rests', async () => {
  const progress = new ReaderProgress();
  progress.ask();
  assert.equal(await isResting(progress), true);
});

it('a reader that waits for records, or asks for some now and then, does not rest', async () => {
  const waiting = new ReaderProgress();
  waiting.waits = true;
  assert.equal(await isResting(waiting), false);
  const busy = new ReaderProgress();
  const timer = setInterval(() => busy.ask(), 1);
  assert.equal(await isResting(busy), false);
  clearInterval(timer);
});

it('the wait for a reader ends with the tracer', async () => {
  const waiting = new ReaderProgress();
  waiting.waits = true;
  await waiting.rests(Promise.resolve(), 20);
});
