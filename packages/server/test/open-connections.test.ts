import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { figureNames } from '../src/collector/figures.js';
import { OpenConnections } from '../src/collector/open-connections.js';
import { closeRecord, connectRecord, figureOf, type Simulated, simulated } from './support/connections.js';
import { randomNumbers } from './support/random.js';

describe('open connections', () => {
  test('rows of intervals add up to the figures of the end, however sweeps and ends fall', () => {
    const below = randomNumbers(1);
    for (let round = 0; round < 200; round++) {
      const open = new OpenConnections();
      const live = new Set<Simulated>();
      const sums = new Map<Simulated, number[]>();
      let nowNs = 0;
      let next = 0;
      const add = (connection: Simulated, figures: object): void => {
        const total = sums.get(connection)!;
        for (const [index, name] of figureNames.entries())
          total[index]! += (figures as Record<string, number>)[name] ?? 0;
      };
      for (let step = 0; step < 100; step++) {
        nowNs += 1 + below(1e9);
        const choice = below(4);
        if (choice === 0) {
          const connection = simulated(next++, nowNs);
          live.add(connection);
          sums.set(connection, [0, 0, 0, 0, 0]);
          open.opened(connectRecord(connection));
        } else if (choice === 1) {
          for (const connection of live) if (below(2) === 0) connection.bytes_sent += below(1000);
        } else if (choice === 2) {
          for (const { connection, moved } of open.swept(live, nowNs))
            if (moved !== undefined) add(connection as Simulated, moved.figures);
        } else {
          const connection = [...live][below(live.size || 1)];
          if (connection === undefined) continue;
          live.delete(connection);
          connection.bytes_received += below(50);
          const { context, moved } = open.ended(closeRecord(connection, nowNs));
          if (moved !== undefined) add(connection, moved.figures);
          const whole = figureNames.map((name) => figureOf(connection, name));
          if (context.intervalRows === 0) assert.deepEqual(sums.get(connection), [0, 0, 0, 0, 0]);
          else assert.deepEqual(sums.get(connection), whole);
        }
      }
      assert.equal(open.size, live.size);
    }
  });

  test('a connection that no sweep found has no row of intervals', () => {
    const open = new OpenConnections();
    const connection = simulated(1, 0);
    open.opened(connectRecord(connection));
    connection.bytes_sent = 100;
    assert.deepEqual(open.ended(closeRecord(connection, 5)), {
      context: { handshake_us: 123, accounted: undefined, candidates: undefined, intervalRows: 0 },
      moved: undefined,
    });
  });

  test('what an older connection moved before the first sweep is in no interval', () => {
    const open = new OpenConnections();
    const older = { ...simulated(1, 0), started_ns: undefined, flow_id: undefined, bytes_sent: 1000 };
    const [first] = [...open.swept([older], 10)];
    assert.deepEqual([first?.isNew, first?.moved], [true, undefined]);
    older.bytes_sent = 1500;
    assert.deepEqual([...open.swept([older], 20)][0]?.moved, { sinceNs: 10, figures: { bytes_sent: 500 } });
    const record = { ...closeRecord(simulated(1, 0), 30), bytes_sent: 1600 };
    assert.deepEqual(open.ended(record).moved, { sinceNs: 20, figures: { bytes_sent: 100 } });
    assert.equal(open.size, 0);
  });

  test('the rows of a connection that a record names only later are continued', () => {
    const open = new OpenConnections();
    const connection: { -readonly [N in keyof Simulated]: Simulated[N] } = {
      ...simulated(1, 0),
      flow_id: undefined,
    };
    connection.bytes_sent = 10;
    assert.equal([...open.swept([connection], 10)][0]?.moved?.figures.bytes_sent, 10);
    connection.flow_id = '000000000000001.0';
    connection.bytes_sent = 30;
    const [second] = [...open.swept([connection], 20)];
    assert.deepEqual([second?.isNew, second?.moved?.figures], [false, { bytes_sent: 20 }]);
  });

  test('a second connection with the ends of one that is gone starts anew', () => {
    const open = new OpenConnections();
    const first = { ...simulated(1, 0), flow_id: undefined, bytes_sent: 10 };
    const second = { ...first, id: 99, bytes_sent: 4, started_ns: 15 };
    [...open.swept([first], 10)];
    const [found] = [...open.swept([second], 20)];
    assert.deepEqual(
      [found?.isNew, found?.moved],
      [true, { sinceNs: 15, figures: { bytes_sent: 4, segments_sent: 3, segments_received: 2 } }],
    );
  });

  test('connections are forgotten that sweeps no longer find', () => {
    const open = new OpenConnections();
    open.opened(connectRecord(simulated(1, 0)));
    for (let sweep = 0; sweep < 5; sweep++) [...open.swept([], sweep)];
    assert.equal(open.size, 0);
  });
});
