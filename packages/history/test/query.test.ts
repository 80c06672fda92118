import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import type { EndRow, IntervalRow } from '../src/index.js';
import { type ConnectionSort, queryConnections, queryGroups, querySeries } from '../src/query/index.js';
import { plainEnd } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, openStore } from './support/store.js';
import { all, MINUTE, sum, threeHours } from './support/three-hours.js';

describe('connections of a range', () => {
  test('come page by page, each once, in order of time', async (context) => {
    const { store, ends } = await threeHours(context);
    for (const order of ['newest', 'oldest'] as const) {
      const found: EndRow[] = [];
      let cursor: string | undefined;
      do {
        const { result } = await queryConnections(store, {
          range: all,
          order,
          limit: 37,
          ...(cursor && { cursor }),
        });
        found.push(...result.rows);
        assert.ok(result.rows.length <= 37);
        cursor = result.next;
      } while (cursor !== undefined);
      const expected = ends.toSorted((a, b) => (a.time < b.time ? -1 : 1));
      assert.deepEqual(found, order === 'oldest' ? expected : expected.reverse());
    }
  });

  test('meet the range and the condition', async (context) => {
    const { store, ends } = await threeHours(context);
    const range = { from: HOUR + 30n * MINUTE, to: HOUR + 100n * MINUTE };
    const where = { sql: 'comm = ?', values: ['curl'] };
    const { result } = await queryConnections(store, { range, where, order: 'oldest' });
    const expected = ends.filter(
      ({ time, comm }) => time >= range.from && time < range.to && comm === 'curl',
    );
    assert.deepEqual(
      result.rows,
      expected.toSorted((a, b) => (a.time < b.time ? -1 : 1)),
    );
    assert.equal(result.next, undefined);
  });

  test('come sorted by a value, the unknown last and the newest of the same first, each once on its page', async (context) => {
    const { store, ends } = await threeHours(context);
    const outcome = ({ event, error, closed_by }: EndRow) =>
      event === 'fail' ? (error ?? 'failed') : closed_by;
    const values: Readonly<Record<string, (row: EndRow) => string | number | undefined>> = {
      ...{ process: ({ comm }) => comm, bytes_sent: (row) => row.bytes_sent, outcome },
      ...{
        error: ({ error }) => error,
        duration_us: (row) => row.duration_us,
        peer_port: (row) => row.peer_port,
      },
    };
    for (const [name, value] of Object.entries(values))
      for (const sign of [1, -1]) {
        const compare = (a: EndRow, b: EndRow) => {
          const [first, second] = [value(a), value(b)];
          if (first === second) return a.time < b.time ? 1 : -1;
          if (first === undefined || second === undefined) return first === undefined ? 1 : -1;
          return (first < second ? -1 : 1) * sign;
        };
        const order = (sign === 1 ? name : `-${name}`) as ConnectionSort;
        const expected = ends.toSorted(compare);
        const found: EndRow[] = [];
        let cursor: string | undefined;
        do {
          const { result } = await queryConnections(store, {
            ...{ range: all, order, limit: 97 },
            ...(cursor !== undefined && { cursor }),
          });
          found.push(...result.rows);
          cursor = result.next;
        } while (cursor !== undefined);
        assert.deepEqual(found, expected, order);
        const { result } = await queryConnections(store, { range: all, order, limit: 10, skip: 61 });
        assert.deepEqual(result.rows, expected.slice(61, 71), `${order}, further down`);
      }
  });

  test('refuse an order that there is not, and a cursor whose connection is gone', async (context) => {
    const { store } = await threeHours(context);
    const query = { range: all, limit: 1 };
    const order = 'nonsense' as ConnectionSort;
    assert.throws(() => queryConnections(store, { ...query, order }), OptionError);
    assert.throws(() => queryConnections(store, { ...query, skip: 1 }), OptionError);
    assert.throws(() => queryConnections(store, { ...query, order: 'pid', skip: 10_001 }), OptionError);
    const { result } = await queryConnections(store, { ...query, order: 'bytes_sent' });
    const cursor = result.next!.replace(/[^.]+$/, 'zz');
    const gone = queryConnections(store, { ...query, order: 'bytes_sent', cursor });
    await assert.rejects(gone, /is not kept any more/);
  });

  test('refuse a cursor that no page gave', async (context) => {
    const store = await openStore(context);
    for (const cursor of [
      '',
      'x',
      '1.2.3.4.5',
      '1.2.3.4.5.6.7',
      '1.2.3.4.5.!',
      '9'.repeat(99),
      'zzzzzzzzzzzzz.0.0.0.0.0',
    ])
      assert.throws(() => queryConnections(store, { range: all, cursor }), OptionError, cursor);
  });
});

describe('groups of connections', () => {
  test('have the sums of their rows, and count no byte twice', async (context) => {
    const { store, ends, intervals } = await threeHours(context);
    const range = { from: HOUR + 30n * MINUTE, to: HOUR + 150n * MINUTE };
    const { result } = await queryGroups(store, { range, by: ['process', 'peer'], limit: 1000 });
    const inRange = ({ time }: { time: bigint }) => time >= range.from && time < range.to;
    const moved = [...ends.filter((row) => row.interval_rows === 0), ...intervals].filter(inRange);
    assert.equal(result.total.bytes_sent, sum(moved, 'bytes_sent'));
    assert.equal(result.total.bytes_received, sum(moved, 'bytes_received'));
    assert.equal(result.total.connections, ends.filter(inRange).length);
    assert.equal(result.total.failures, ends.filter((row) => inRange(row) && row.event === 'fail').length);
    assert.equal(result.count, result.groups.length);
    assert.equal(sum(result.groups, 'bytes_sent'), result.total.bytes_sent);
    for (const { key, ...group } of result.groups) {
      const is = (row: EndRow | IntervalRow) =>
        (row.comm ?? null) === key.process && row.peer_address === key.peer;
      assert.equal(group.bytes_sent, sum(moved.filter(is), 'bytes_sent'));
      assert.equal(group.retransmits, sum(moved.filter(is), 'retransmits'));
      assert.equal(group.connections, ends.filter((row) => inRange(row) && is(row)).length);
      assert.equal(group.rate, (group.bytes_sent + group.bytes_received) / 7200);
    }
    const bytes = result.groups.map((group) => group.bytes_sent + group.bytes_received);
    assert.deepEqual(
      bytes,
      bytes.toSorted((a, b) => b - a),
    );
  });

  test('give the first of them, how many there are, and the total of all', async (context) => {
    const { store, ends } = await threeHours(context);
    const { result } = await queryGroups(store, {
      range: all,
      by: ['process'],
      limit: 2,
      order: 'connections',
    });
    assert.equal(result.groups.length, 2);
    assert.equal(result.count, new Set(ends.map(({ comm }) => comm)).size);
    assert.equal(result.total.connections, ends.length);
  });

  test('have percentiles of latencies, also for the group whose field is not known', async (context) => {
    const { store, ends } = await threeHours(context);
    const points = [0, 0.5, 0.95, 1];
    const { result } = await queryGroups(store, { range: all, by: ['unit', 'uid'], percentiles: points });
    for (const { key, percentiles } of result.groups) {
      const values = ends
        .filter((row) => (row.unit ?? null) === key.unit && (row.uid ?? null) === key.uid)
        .flatMap((row) => (row.handshake_us === undefined ? [] : [row.handshake_us]))
        .sort((a, b) => a - b);
      const quantile = (point: number) => {
        const at = point * (values.length - 1);
        const low = values[Math.floor(at)]!;
        return low + (values[Math.ceil(at)]! - low) * (at - Math.floor(at));
      };
      const expected = values.length === 0 ? [] : points.map(quantile);
      assert.deepEqual(
        percentiles?.handshake_us.map((value) => Math.round(value! * 1000)),
        expected.map((value) => Math.round(value * 1000)),
      );
    }
  });

  test('distinguish link-local addresses on two interfaces, and no others', async (context) => {
    const store = await openStore(context);
    const random = new Random(1);
    const ends = [
      ['fe80::2', 'eth0', 'fe80::2%eth0'],
      ['fe80::2', 'eth1', 'fe80::2%eth1'],
      ['fe80::2', undefined, 'fe80::2'],
      ['2001:db8::2', 'eth0', '2001:db8::2'],
      ['2001:db8::2', 'eth1', '2001:db8::2'],
    ] as const;
    const rows = ends.map(([address, link]) =>
      plainEnd(random, {
        family: 'ipv6',
        local_address: address,
        peer_address: address,
        ...(link && { interface: link }),
      }),
    );
    await store.append(batchOf(1, { ends: rows }));
    for (const by of ['peer', 'peer_name', 'local']) {
      const { result } = await queryGroups(store, { range: all, by: [by] });
      assert.deepEqual(
        result.groups.map(({ key }) => key[by]).sort(),
        [...new Set(ends.map(([, , shown]) => shown))].sort(),
      );
    }
  });

  test('are one group of all without a field', async (context) => {
    const { store, ends } = await threeHours(context);
    const { result } = await queryGroups(store, { range: all, by: [], percentiles: [0.5] });
    assert.equal(result.total.connections, ends.length);
    assert.deepEqual(result.groups, []);
  });

  test('refuse what makes no sense with the choice there is', async (context) => {
    const store = await openStore(context);
    assert.throws(
      () => queryGroups(store, { range: all, by: ['proces'] }),
      /"proces" is no field to group by: choose from process,/,
    );
    assert.throws(() => queryGroups(store, { range: all, by: ['toString'] }), OptionError);
    assert.throws(() => queryGroups(store, { range: all, by: ['peer', 'peer'] }), /is there twice/);
    assert.throws(
      () => queryGroups(store, { range: all, by: [], limit: 0 }),
      /limit: expected a number from 1/,
    );
    assert.throws(() => queryGroups(store, { range: all, by: [], percentiles: [95] }), /from 0 to 1/);
    assert.throws(
      () => queryGroups(store, { range: all, by: [], order: 'size' as never }),
      /order: choose from connections/,
    );
  });
});

describe('a series', () => {
  test('has the sums of each step, for the largest groups', async (context) => {
    const { store, ends, intervals } = await threeHours(context);
    const { result } = await querySeries(store, {
      range: all,
      step: 10n * MINUTE,
      by: ['process'],
      limit: 2,
    });
    assert.equal(result.length, 2);
    for (const { key, points } of result) {
      const moved = [...ends.filter((row) => row.interval_rows === 0), ...intervals].filter(
        (row) => (row.comm ?? null) === key.process,
      );
      for (const { time, bytes_sent, rate, bytes_received } of points) {
        assert.equal(time % (10n * MINUTE), 0n);
        const step = moved.filter((row) => row.time >= time && row.time < time + 10n * MINUTE);
        assert.equal(bytes_sent, sum(step, 'bytes_sent'));
        assert.equal(rate, (bytes_sent + bytes_received) / 600);
      }
      assert.equal(sum(points, 'bytes_sent'), sum(moved, 'bytes_sent'));
    }
    const { result: one } = await querySeries(store, { range: all, step: 10n * MINUTE });
    assert.equal(one.length, 1);
    assert.equal(sum(one[0]!.points, 'connections'), ends.length);
  });

  test('refuses a step that is too short for its range', async (context) => {
    const store = await openStore(context);
    assert.throws(() => querySeries(store, { range: all, step: 1n }), /at least a second/);
    assert.throws(() => querySeries(store, { range: all, step: 1_000_000_000n }), /more than 20000 steps/);
  });
});
