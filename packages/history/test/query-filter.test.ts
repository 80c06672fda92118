import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { filterFields, parseFilter } from '@weir/tracer/filter';
import type { EndRow, IntervalRow } from '../src/index.js';
import {
  filterSource,
  filterSql,
  queryConnections,
  queryGroups,
  queryOpenAt,
  querySeries,
} from '../src/query/index.js';
import { plainEnd, plainOpen } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';
import { all, sum, threeHours } from './support/three-hours.js';

describe('a filter of the language', () => {
  test('chooses the same connections in every question', async (context) => {
    const { store, ends, intervals } = await threeHours(context);
    const filter = parseFilter('proc:curl,nginx and peer:10.0.0.2/31 and not dir:in');
    const meets = (row: EndRow | IntervalRow) =>
      ['curl', 'nginx'].includes(row.comm ?? '') &&
      ['10.0.0.2', '10.0.0.3'].includes(row.peer_address) &&
      row.direction === 'outbound';
    const where = filterSql(filter, filterSource('ends'));
    const expected = ends.filter(meets);
    assert.ok(expected.length > 10);
    const { result: page } = await queryConnections(store, { range: all, where, order: 'oldest' });
    assert.deepEqual(
      page.rows,
      expected.toSorted((a, b) => (a.time < b.time ? -1 : 1)),
    );
    const { result } = await queryGroups(store, { range: all, by: ['peer'], where });
    assert.equal(result.total.connections, expected.length);
    const moved = [...expected.filter((row) => row.interval_rows === 0), ...intervals.filter(meets)];
    assert.equal(result.total.bytes_sent, sum(moved, 'bytes_sent'));
    const { result: series } = await querySeries(store, { range: all, step: HOUR_NS, where });
    assert.equal(sum(series[0]!.points, 'bytes_sent'), result.total.bytes_sent);
  });

  test('chooses among what was open', async (context) => {
    const store = await openStore(context);
    const random = new Random(51);
    const opens = Array.from({ length: 50 }, () => plainOpen(random, { time: HOUR, started: HOUR - 5n }));
    await store.append(batchOf(1, { time: HOUR, sweep: 'full', opens }));
    const where = filterSql(parseFilter('proc:curl'), filterSource('opens'));
    const { result } = await queryOpenAt(store, { at: HOUR + 1n, where, limit: 3 });
    const expected = opens.filter(({ comm }) => comm === 'curl').length;
    assert.deepEqual([result.count, result.rows.length], [expected, 3]);
  });

  test('chooses among what was open by every field, with the figures of either', async (context) => {
    const store = await openStore(context);
    const random = new Random(53);
    const opens = Array.from({ length: 20 }, () => plainOpen(random, { time: HOUR, started: HOUR - 5n }));
    await store.append(batchOf(1, { time: HOUR, sweep: 'full', opens }));
    for (const figures of ['look', 'moment'] as const) {
      for (const { name, type } of filterFields) {
        const where = filterSql(parseFilter(`${name}=*`), filterSource('opens'));
        await assert.doesNotReject(
          queryOpenAt(store, { at: HOUR + 1n, where, figures }),
          `${name} (${type})`,
        );
      }
      for (const text of [
        'peer:0.0.0.0/0',
        'local:0.0.0.0/0',
        'not peer:fe80::/10 and not local:fe80::/10',
      ]) {
        const where = filterSql(parseFilter(text), filterSource('opens'));
        const { result } = await queryOpenAt(store, { at: HOUR + 1n, where, figures });
        const expected = opens.filter(({ family }) => text.startsWith('not') || family === 'ipv4').length;
        assert.equal(result.count, expected, `${text} ${figures}`);
      }
    }
  });

  test('finds a whole id by its number, and the rows that a part of it would find', async (context) => {
    const store = await openStore(context);
    const wide = 0x1_2345_6789_abcd_ef0n;
    const flows = [
      [0x123n, 1],
      [0x123n, 12],
      [0x124n, 1],
      [wide, 1],
      [wide >> 4n, 1],
    ] as const;
    const random = new Random(52);
    const ends = flows.map(([flow_ns, flow_cpu], index) =>
      plainEnd(random, { time: HOUR + BigInt(index), flow_ns, flow_cpu, connection_id: flow_ns << 3n }),
    );
    await store.append(batchOf(1, { ends }));
    const found = async (text: string) => {
      const where = filterSql(parseFilter(text), filterSource('ends'));
      const { result } = await queryConnections(store, { range: all, where, order: 'oldest' });
      return { sql: where.sql, rows: result.rows.map(({ time }) => Number(time - HOUR)) };
    };
    for (const [text, rows] of [
      ['flow_id:000000000000123.1', [0, 1]],
      ['flow_id:000000000000123.12', [1]],
      ['flow_id:123456789abcdef.1', [3, 4]],
      ['not flow_id:000000000000123.1', [2, 3, 4]],
      ['connection_id:0000000000000918', [0, 1]],
      ['connection_id:00000000000009189', []],
      ['connection_id=0000000000000918', [0, 1]],
      ['connection_id=000000000000091?', [0, 1]],
      ['connection_id=00000000000009', []],
      ['flow_id=000000000000123.1', [0]],
      ['flow_id=123456789abcdef.1', [3, 4]],
      ['not connection_id=0000000000000918', [2, 3, 4]],
    ] as const) {
      const answer = await found(text);
      assert.deepEqual(answer.rows, rows, text);
    }
    for (const sign of [':', '=']) {
      assert.match(
        (await found(`connection_id${sign}0000000000000918`)).sql,
        /"connection_id" = \?::UBIGINT/,
      );
      assert.match((await found(`flow_id${sign}000000000000123.1`)).sql, /"flow_ns" = \?::UBIGINT/);
    }
  });
});
