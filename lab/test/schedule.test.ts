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
function gatedTasks(...specs: readonly Omit<Task<number>, 'run'>[]) {
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

  test('a task that is not ready lets others go first', async () => {
    const ready = gate();
    const { tasks, started, end } = gatedTasks({ weight: 9, ready: ready.promise }, { weight: 1 });
    const results = schedule(tasks, 2);
    await turn();
    assert.deepEqual(started, [1]);
    ready.open();
    await turn();
    assert.deepEqual(started, [1, 0]);
    for (const index of [0, 1]) end(index);
    assert.deepEqual(await results, [0, 1]);
  });

  test('a task that waits for much of its time needs no place', async () => {
    const ready = gate();
    const { tasks, started, end } = gatedTasks(
      { weight: 1 },
      { weight: 2, waits: true, ready: ready.promise },
      { weight: 1 },
    );
    const results = schedule(tasks, 1);
    await turn();
    assert.deepEqual(started, [0]);
    ready.open();
    await turn();
    assert.deepEqual(started, [0, 1]);
    end(0);
    await turn();
    assert.deepEqual(started, [0, 1, 2]);
    for (const index of [1, 2]) end(index);
    assert.deepEqual(await results, [0, 1, 2]);
  });

  test('preparation has a place while it is under way, but never the last one', async () => {
    const building = gate();
    const { tasks, started, end } = gatedTasks({ weight: 3 }, { weight: 2 }, { weight: 1 });
    const results = schedule(tasks, 2, [building.promise]);
    await turn();
    assert.deepEqual(started, [0]);
    end(0);
    await turn();
    assert.deepEqual(started, [0, 1]);
    building.open();
    await turn();
    assert.deepEqual(started, [0, 1, 2]);
    for (const index of [1, 2]) end(index);
    assert.deepEqual(await results, [0, 1, 2]);
  });

  test('preparation that fails is for the task to notice that waits for it', async () => {
    let fail = () => {};
    const failing = new Promise<void>((_, reject) => {
      fail = () => reject(new Error('no compiler'));
    });
    const { tasks, started, end } = gatedTasks({ weight: 2, ready: failing }, { weight: 1 });
    const results = schedule(tasks, 1, [failing]);
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
