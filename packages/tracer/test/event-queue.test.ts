import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventQueue } from '../src/stream/event-queue.js';
import { randomFrom } from './support/random-events.js';

function takeAll(queue: EventQueue): number[] {
  return Array.from({ length: queue.length }, () => queue.shift());
}

describe('the queue of events', () => {
  for (const [name, spread] of [
    ['a little out of order', 20],
    ['far out of order', 5000],
  ] as const) {
    it(`releases events that come ${name} in the order of their times`, () => {
      const random = randomFrom(spread);
      const queue = new EventQueue();
      const times: number[] = [];
      const delivered: number[] = [];
      for (let round = 1; round <= 300; round++) {
        for (let count = 0; count < 100; count++) {
          const time = round * 10_000 + Math.floor(random() * spread);
          queue.push(time, times.length);
          times.push(time);
        }
        queue.release(round * 10_000 + (round % 3 === 0 ? spread / 2 : spread));
        for (let count = Math.min(queue.length, round % 150); count > 0; count--)
          delivered.push(queue.shift());
      }
      queue.release(Number.POSITIVE_INFINITY);
      delivered.push(...takeAll(queue));
      const expected = times
        .map((time, place) => ({ time, place }))
        .sort((a, b) => a.time - b.time || a.place - b.place);
      assert.deepEqual(
        delivered,
        expected.map(({ place }) => place),
      );
      assert.equal(queue.inversions, 0);
    });
  }

  it('counts an event that comes too late, and releases it next', () => {
    const queue = new EventQueue();
    queue.push(10, 1);
    queue.push(20, 2);
    queue.release(20);
    queue.push(30, 4);
    queue.push(15, 3);
    queue.release(40);
    assert.deepEqual(takeAll(queue), [1, 2, 3, 4]);
    assert.equal(queue.inversions, 1);
  });

  it('puts what is appended behind the released events and before the others', () => {
    const queue = new EventQueue();
    for (let index = 0; index < 3000; index++) queue.push(index, index);
    queue.release(1499);
    queue.append(9999);
    queue.release(2999);
    const places = takeAll(queue);
    assert.equal(places.indexOf(9999), 1500);
    assert.deepEqual(
      places.filter((place) => place !== 9999),
      Array.from({ length: 3000 }, (_, index) => index),
    );
  });

  it('is cut short among the released events only', () => {
    const queue = new EventQueue();
    for (let index = 0; index < 10; index++) queue.push(index, index);
    queue.release(6);
    assert.deepEqual(queue.truncate(4), [4, 5, 6]);
    queue.release(9);
    assert.deepEqual(takeAll(queue), [0, 1, 2, 3, 7, 8, 9]);
  });

  it('has room for what waits, not for all that ever came', () => {
    const queue = new EventQueue();
    for (let index = 0; index < 1_000_000; index++) {
      queue.push(index, index & 0xff);
      queue.release(index);
      if (queue.length > 500) queue.shift();
    }
    assert.equal(queue.capacity, 1024);
  });
});
