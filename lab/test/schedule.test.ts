import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { schedule, type Task } from '../src/suite/schedule.js';

/** A promise that a call resolves. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** Tasks that note when they start and end only at their gate. */
function gatedTasks(...specs: readonly { weight: number; ready?: Promise<unknown> }[]) {
  const started: number[] = [];
  const gates = specs.map(gate);
  const tasks: Task<number>[] = specs.map((spec, index) => ({
    ...spec,
    run: async () => {
      started.push(index);
      await gates[index]!.promise;
      return index;
    },
  }));
  return { tasks, started, end: (index: number) => gates[index]!.open() };
}

describe('schedule', () => {
  test('starts the longest first, keeps its places filled, and returns results in the order of the tasks', async () => {
    const { tasks, started, end } = gatedTasks({ weight: 1 }, { weight: 5 }, { weight: 3 }, { weight: 4 });
    const results = schedule(tasks, 2);
    await turn();
    assert.deepEqual(started, [1, 3]);
    end(3);
    await turn();
    assert.deepEqual(started, [1, 3, 2]);
    for (const index of [0, 1, 2]) end(index);
    assert.deepEqual(await results, [0, 1, 2, 3]);
  });

  test('a task that is not ready lets others go first, while its preparation counts as one', async () => {
    const ready = gate();
    const { tasks, started, end } = gatedTasks(
      { weight: 9, ready: ready.promise },
      { weight: 8, ready: ready.promise },
      { weight: 1 },
      { weight: 1 },
    );
    const results = schedule(tasks, 2);
    await turn();
    assert.deepEqual(started, [2]);
    ready.open();
    await turn();
    assert.deepEqual(started, [2, 0]);
    for (const index of [0, 1, 2, 3]) end(index);
    assert.deepEqual(await results, [0, 1, 2, 3]);
  });

  test('preparation never keeps the last place, and its failure is for the task to notice', async () => {
    let fail = () => {};
    const failing = new Promise<void>((_, reject) => {
      fail = () => reject(new Error('no compiler'));
    });
    const { tasks, started, end } = gatedTasks({ weight: 2, ready: failing }, { weight: 1 });
    const results = schedule(tasks, 1);
    await turn();
    assert.deepEqual(started, [1]);
    end(1);
    fail();
    await turn();
    assert.deepEqual(started, [1, 0]);
    end(0);
    assert.deepEqual(await results, [0, 1]);
    assert.deepEqual(await schedule([], 2), []);
  });
});
