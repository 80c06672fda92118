import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionSorts } from '@weir/history/query';
import { connectionColumns } from '../src/views/table/connection-columns.js';
import { nextOrder, sortedColumn, sortShown } from '../src/views/table/sort-columns.js';

describe('the order of the table', () => {
  it('is one that the server has, for each column, both ways', () => {
    for (const { id } of connectionColumns) {
      const first = nextOrder(id, 'newest');
      const second = nextOrder(id, first);
      assert.notEqual(first, second);
      if (id === 'time') continue;
      assert.deepEqual(
        [first, second].filter((order) => !(connectionSorts as readonly string[]).includes(order)),
        [],
      );
      assert.equal(nextOrder(id, second), first);
      assert.deepEqual([sortedColumn(first), sortedColumn(second)], [id, id]);
      assert.notEqual(sortShown(id, first), sortShown(id, second));
      assert.equal(sortShown('time', first), 'none');
    }
  });

  it('has the largest figure and the first text at the top', () => {
    assert.deepEqual(
      [nextOrder('sent', 'newest'), sortShown('sent', '-bytes_sent')],
      ['-bytes_sent', 'descending'],
    );
    assert.deepEqual(
      [nextOrder('process', '-bytes_sent'), sortShown('process', 'process')],
      ['process', 'ascending'],
    );
    assert.deepEqual([nextOrder('time', 'process'), nextOrder('time', 'newest')], ['newest', 'oldest']);
    assert.equal(sortedColumn('nonsense'), undefined);
  });
});
