import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  areaOf,
  extendTo,
  MOST_SELECTED_ROWS,
  selectCell,
  selectionAfter,
} from '../src/table/cell-selection.js';
import {
  clampOffset,
  drawnHeight,
  heightOf,
  MOST_PIXELS,
  offsetShowing,
  scrollScale,
  windowAt,
} from '../src/table/row-window.js';
import { blocksOf, momentOf, momentText, RowIndex } from '../src/views/table/row-index.js';
import { type PageQuestion, RowStore } from '../src/views/table/row-store.js';

const SECOND = 1_000_000_000n;

describe('rows that are found by their number', () => {
  it('are read from any place, the page behind another by its cursor', async () => {
    const asked: PageQuestion[] = [];
    const all = Array.from({ length: 95 }, (_, number) => number);
    const store = new RowStore<number>({
      index: new RowIndex([{ from: 0n, to: SECOND, count: 90 }], 'oldest'),
      canSkip: true,
      pageRows: 20,
      onChange: () => {},
      onProblem: (error) => assert.equal(error, undefined),
      source: {
        readPage: async (question) => {
          asked.push(question);
          const start = question.cursor === undefined ? (question.skip ?? 0) : Number(question.cursor);
          const end = start + question.limit;
          return { connections: all.slice(start, end), ...(end < all.length && { next: String(end) }) };
        },
        count: () => assert.fail('it knows how many there are'),
      },
    });
    assert.deepEqual(await store.rows(61, 64), [61, 62, 63]);
    assert.deepEqual(await store.rows(79, 95), all.slice(79, 90), 'no more than it was said that there are');
    assert.deepEqual(
      asked.map(({ skip, cursor, limit }) => [skip, cursor, limit]),
      [
        [60, undefined, 20],
        [undefined, '80', 10],
      ],
    );
    assert.equal(store.index.total, 90);
    store.close();
  });
});

describe('the window of a long list', () => {
  const layout = { rowCount: 10_000_000, rowHeight: 28, viewHeight: 700 };

  it('keeps the bar below what browsers can draw, and reaches the last row', () => {
    assert.equal(heightOf(layout), 280_000_000);
    assert.equal(drawnHeight(layout), MOST_PIXELS);
    const end = (MOST_PIXELS - layout.viewHeight) * scrollScale(layout);
    assert.equal(Math.round(end), heightOf(layout) - layout.viewHeight);
    assert.equal(windowAt(clampOffset(1e12, layout), layout, 5).end, layout.rowCount);
  });

  it('draws the rows in sight and a few more', () => {
    assert.deepEqual(windowAt(2_800, layout, 2), { first: 98, end: 127 });
    assert.deepEqual(windowAt(0, { ...layout, rowCount: 3 }, 2), { first: 0, end: 3 });
    assert.deepEqual(windowAt(0, { ...layout, rowCount: 0 }, 2), { first: 0, end: 0 });
  });

  it('scrolls no further than a row needs', () => {
    assert.equal(offsetShowing(10, 0, layout), 0);
    assert.equal(offsetShowing(30, 0, layout), 31 * 28 - 700);
    assert.equal(offsetShowing(5, 2_800, layout), 140);
  });
});

describe('selected cells', () => {
  const size = { rows: 100, columns: 4, page: 10 };
  const press = (key: string, at = selectCell({ row: 5, column: 1 }), keys = {}) =>
    selectionAfter(at, { key, ctrlKey: false, metaKey: false, shiftKey: false, ...keys }, size);

  it('move by keys, and stay in the table', () => {
    assert.deepEqual(press('ArrowDown')?.active, { row: 6, column: 1 });
    assert.deepEqual(press('PageDown')?.active, { row: 15, column: 1 });
    assert.deepEqual(press('End')?.active, { row: 5, column: 3 });
    assert.deepEqual(press('End', undefined, { ctrlKey: true })?.active, { row: 99, column: 1 });
    assert.deepEqual(press('ArrowUp', selectCell({ row: 0, column: 0 }))?.active, { row: -1, column: 0 });
    assert.deepEqual(press('ArrowUp', selectCell({ row: -1, column: 0 }))?.active, { row: -1, column: 0 });
    assert.equal(press('x'), undefined);
  });

  it('grow from where they began, up to a limit', () => {
    const more = press('ArrowDown', undefined, { shiftKey: true })!;
    assert.deepEqual(areaOf(more), { firstRow: 5, lastRow: 6, firstColumn: 1, lastColumn: 1 });
    const all = areaOf(extendTo(selectCell({ row: 3, column: 2 }), { row: 1e6, column: 0 }));
    assert.equal(all.lastRow - all.firstRow + 1, MOST_SELECTED_ROWS);
    assert.deepEqual([all.firstColumn, all.lastColumn], [0, 2]);
  });
});

describe('where rows are in time', () => {
  it('reads and writes times to the nanosecond', () => {
    const text = '2026-11-27T10:00:00.123456789Z';
    assert.equal(momentText(momentOf(text)), text);
    assert.equal(momentOf('2026-11-27T10:00:00Z') % SECOND, 0n);
  });

  it('joins small steps, and covers the whole range', () => {
    const steps = Array.from({ length: 100 }, (_, at) => ({ time: BigInt(at) * SECOND, connections: 90 }));
    const blocks = blocksOf({ from: 5n, to: 200n * SECOND }, steps);
    assert.equal(blocks[0]!.from, 5n);
    assert.equal(blocks.at(-1)!.to, 200n * SECOND);
    for (const [at, block] of blocks.entries()) if (at > 0) assert.equal(block.from, blocks[at - 1]!.to);
    assert.equal(
      blocks.reduce((sum, { count }) => sum + count, 0),
      9_000,
    );
    assert.ok(blocks.every(({ count }) => count <= 400));
    assert.deepEqual(blocksOf({ from: 0n, to: 9n }, []), [{ from: 0n, to: 9n, count: 0 }]);
  });

  it('finds rows from both ends', () => {
    const blocks = [3, 0, 5].map((count, at) => ({ from: BigInt(at), to: BigInt(at + 1), count }));
    const newest = new RowIndex(blocks, 'newest');
    assert.equal(newest.total, 8);
    assert.deepEqual(newest.locate(5), { block: blocks[0], offset: 0 });
    const oldest = new RowIndex(blocks, 'oldest');
    assert.deepEqual(oldest.locate(3), { block: blocks[2], offset: 0 });
    assert.deepEqual([oldest.locate(-1), oldest.locate(8)], [undefined, undefined]);
    oldest.split(blocks[2]!, 2n, 2);
    assert.equal(oldest.locate(4)!.offset, 1);
    assert.equal(oldest.total, 8);
  });
});

/** A server with connections at known nanoseconds. */
class FakeServer {
  readonly times: readonly bigint[];
  readonly questions: PageQuestion[] = [];
  counts = 0;
  failures = 0;

  constructor(times: readonly bigint[]) {
    this.times = [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  #within(range: string): bigint[] {
    const [from, to] = range.split('..').map(momentOf) as [bigint, bigint];
    return this.times.filter((time) => time >= from && time < to);
  }

  readonly count = async (range: string): Promise<number> => {
    this.counts++;
    return this.#within(range).length;
  };

  readonly readPage = async (question: PageQuestion, signal: AbortSignal) => {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (this.failures > 0) {
      this.failures--;
      throw new Error('busy');
    }
    this.questions.push(question);
    const all = this.#within(question.range).reverse();
    const start = Number(question.cursor ?? 0);
    const connections = all.slice(start, start + question.limit);
    const end = start + connections.length;
    return end < all.length ? { connections, next: String(end) } : { connections };
  };

  store(step: bigint, to: bigint, options = {}) {
    const steps = new Map<bigint, number>();
    for (const time of this.times)
      steps.set((time / step) * step, (steps.get((time / step) * step) ?? 0) + 1);
    const counted = [...steps].map(([time, connections]) => ({ time, connections }));
    const index = new RowIndex(blocksOf({ from: 0n, to }, counted), 'newest');
    const problems: unknown[] = [];
    const store = new RowStore<bigint>({
      ...{ index, source: this, onChange: () => {}, againMs: 5, pageRows: 100, mostPages: 8 },
      onProblem: (error) => problems.push(error),
      ...options,
    });
    return { store, problems };
  }
}

describe('the rows of a long table', () => {
  it('are those of the server at any place, of which few are kept', async () => {
    const times = Array.from({ length: 50_000 }, (_, at) => BigInt(at) * 10_000_000n);
    const server = new FakeServer(times);
    const { store } = server.store(SECOND, 500n * SECOND);
    assert.equal(store.index.total, 50_000);
    for (const first of [0, 49_960, 25_000, 3, 31_234]) {
      store.want(first, first + 40);
      await store.shown();
      for (let row = first; row < first + 40; row++) assert.equal(store.row(row), times[49_999 - row]);
      assert.ok(store.rowsKept <= 800, `${store.rowsKept} rows are kept`);
    }
    // No place costs more than the pages around it.
    assert.ok(server.questions.length < 60, `${server.questions.length} pages were read`);
    store.close();
  });

  it('of a burst are found without reading all of it', async () => {
    const times = Array.from({ length: 30_000 }, (_, at) => 5n * SECOND + BigInt(at) * 30_000n);
    const server = new FakeServer(times);
    const { store } = server.store(SECOND, 10n * SECOND);
    store.want(29_000, 29_040);
    await store.shown();
    assert.equal(store.row(29_000), times[999]);
    assert.ok(server.counts > 0 && server.questions.length < 20, `${server.questions.length} pages`);
    assert.deepEqual(
      await store.rows(12_345, 12_600),
      times.slice(30_000 - 12_600, 30_000 - 12_345).reverse(),
    );
    store.close();
  });

  it('of one moment are walked through', async () => {
    const server = new FakeServer(Array.from({ length: 950 }, () => 7n));
    const { store } = server.store(SECOND, SECOND);
    assert.equal((await store.rows(890, 2_000)).length, 60);
    store.close();
  });

  it('may be more or fewer than were counted', async () => {
    const server = new FakeServer(Array.from({ length: 250 }, (_, at) => BigInt(at)));
    const index = new RowIndex([{ from: 0n, to: SECOND, count: 230 }], 'newest');
    const options = { index, source: server, onChange: () => {}, onProblem: () => {}, pageRows: 100 };
    const store = new RowStore<bigint>(options);
    store.want(0, 230);
    await store.shown();
    assert.equal(store.index.total, 250);
    index.setCount(index.locate(0)!.block, 400);
    const again = new RowStore<bigint>({ ...options });
    assert.equal((await again.rows(0, 400)).length, 250);
    assert.equal(index.total, 250);
    store.close();
  });

  it('come when the server answers again', async () => {
    const server = new FakeServer(Array.from({ length: 250 }, (_, at) => BigInt(at)));
    server.failures = 3;
    const { store, problems } = server.store(SECOND, SECOND);
    store.want(0, 40);
    await store.shown();
    assert.equal(store.row(0), 249n);
    assert.equal(problems.filter((problem) => problem instanceof Error).length, 3);
    store.close();
  });
});
