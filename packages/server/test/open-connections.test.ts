import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { figureNames } from '../src/collector/figures.js';
import type { OpenConnection } from '../src/collector/open-connection.js';
import { OpenConnections } from '../src/collector/open-connections.js';
import type { OpenState } from '../src/collector/open-state.js';
import { closeRecord, connectRecord, figureOf, type Simulated, simulated } from './support/connections.js';
import { randomNumbers } from './support/random.js';

/** What its files say to the next collector. */
function leftBy({ state }: OpenConnections): OpenState {
  const connections = [...state.connections].map((open) => {
    const { id, connection, firstSweep, isListed, sweep, ...known } = open as OpenConnection;
    return known;
  });
  return { ...state, connections };
}

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

  test('one that is accepted may be one that a sweep has found, as its ports and then its ends say', () => {
    const open = new OpenConnections();
    const older: Simulated = { ...simulated(1, 0), flow_id: undefined };
    const { port } = older.local;
    const mayBe = (localPort: number) => open.mayBeUnnamed(localPort, older.peer.port);
    assert.equal(mayBe(port), false, 'no sweep has found it');
    Array.from(open.swept([older], 1_000));
    assert.deepEqual([mayBe(port), mayBe(port + 1)], [true, false]);
    assert.equal(open.isUnnamed(older), true);
    assert.equal(open.isUnnamed({ ...older, netns: older.netns + 1 }), false, 'of another network namespace');
    assert.deepEqual([open.isUnseen(500), open.isUnseen(1_500)], [false, true]);
    open.ended(closeRecord(older, 3_000));
    assert.equal(mayBe(port), false, 'nothing has these ports any more');
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

  test('an older connection that moves nothing any more has an interval of nothing, however it ends', () => {
    const zeros = {
      bytes_sent: 0,
      bytes_received: 0,
      segments_sent: 0,
      segments_received: 0,
      retransmits: 0,
    };
    const older = { ...simulated(1, 0), started_ns: undefined, flow_id: undefined, bytes_sent: 1000 };
    const nothing = { moved: { sinceNs: 10e9, figures: zeros }, intervalRows: 1 };
    const open = new OpenConnections();
    [...open.swept([older], 10e9)];
    const { moved, context } = open.ended({ ...closeRecord(simulated(1, 0), 30), bytes_sent: 1000 });
    assert.deepEqual({ moved, intervalRows: context.intervalRows }, nothing);
    const second = new OpenConnections();
    [...second.swept([older], 10e9)];
    assert.deepEqual(second.vanished(older), { ...nothing, connectionId: undefined });
    const third = new OpenConnections();
    [...third.swept([older], 10e9)];
    for (const seconds of [11, 12, 13, 14, 41]) [...third.swept([], seconds * 1e9)];
    assert.deepEqual(third.forget(true), [
      { connection: older, seenNs: 10e9, ...nothing, connectionId: undefined },
    ]);
  });

  test('a connection that a sweep finds before its record is read is one, and its bytes count once', () => {
    for (const name of ['connect', 'accept'] as const) {
      const open = new OpenConnections();
      [...open.swept([], 5)];
      open.forget(true);
      const connection = { ...simulated(1, 7), bytes_sent: 100 };
      const [found] = [...open.swept([{ ...connection, started_ns: undefined, flow_id: undefined }], 10)];
      assert.equal(found?.moved, undefined, 'its rows have to say its number');
      assert.ok(!found!.isKnown && !found!.isNew, 'it is listed when its record has named it');
      const record = { ...connectRecord(connection), handshake_us: 0, connection_id: 'ab' };
      open.opened(name === 'connect' ? record : ({ ...record, event: name, monotonic_ns: 11 } as never));
      connection.bytes_sent = 120;
      const [second] = [...open.swept([connection], 15)];
      assert.deepEqual([second?.moved?.figures.bytes_sent, second?.connectionId], [120, 'ab']);
      connection.bytes_sent = 130;
      const { context, moved } = open.ended(closeRecord(connection, 20));
      assert.deepEqual([moved?.figures.bytes_sent, context.intervalRows, open.size], [10, 2, 0]);
    }
  });

  test('one that a killed collector found before its record was read is one, and all its rows have its number', () => {
    for (const event of ['connect', 'accept'] as const) {
      const killed = new OpenConnections();
      [...killed.swept([], 5)];
      killed.forget(true);
      const connection = { ...simulated(1, event === 'connect' ? 7 : 11), inode: 0, bytes_sent: 100 };
      [...killed.swept([{ ...connection, started_ns: undefined, flow_id: undefined }], 10)];
      const open = new OpenConnections();
      open.load(leftBy(killed));
      const later = {
        ...connection,
        inode: 5,
        direction: event === 'connect' ? 'outbound' : 'inbound',
      } as const;
      const [found] = [...open.swept([{ ...later, started_ns: undefined, flow_id: undefined }], 20)];
      assert.ok(
        found!.moved === undefined && !found!.isKnown && !found!.isNew,
        'its record is about to come',
      );
      open.opened({ ...connectRecord(later), handshake_us: 0, event } as never);
      const [second] = [...open.swept([later], 30)];
      assert.deepEqual([second?.isNew, second?.moved?.figures.bytes_sent], [true, 100]);
      assert.deepEqual([open.ended(closeRecord(later, 40)).context.intervalRows, open.size], [1, 0]);
    }
  });

  test('one that waited to be accepted when its collector was killed is the one that was', () => {
    const killed = new OpenConnections();
    [...killed.swept([], 5)];
    killed.forget(true);
    const connection = { ...simulated(1, 25), inode: 0, direction: 'inbound', bytes_sent: 100 } as const;
    const waiting = { ...connection, started_ns: undefined, flow_id: undefined };
    [...killed.swept([waiting], 10)];
    assert.equal([...killed.swept([waiting], 20)][0]?.moved?.figures.bytes_sent, 100);
    const open = new OpenConnections();
    open.load(leftBy(killed));
    const accepted = { ...connection, inode: 5, bytes_sent: 130 };
    assert.equal([...open.swept([accepted], 30)][0]?.moved?.figures.bytes_sent, 30);
    assert.deepEqual([open.ended(closeRecord(accepted, 40)).context.intervalRows, open.size], [2, 0]);
  });

  test('one that is accepted with the ends of an older one without a process is another one', () => {
    const killed = new OpenConnections();
    const left = { ...simulated(1, 0), inode: 0, bytes_sent: 100, started_ns: undefined, flow_id: undefined };
    [...killed.swept([left], 10)];
    const open = new OpenConnections();
    open.load(leftBy(killed));
    const accepted = { ...simulated(1, 25), inode: 5, direction: 'inbound', bytes_sent: 130 } as const;
    const [found] = [...open.swept([accepted], 30)];
    assert.deepEqual([found?.isNew, found?.moved?.figures.bytes_sent], [true, 130]);
  });

  test('a record does not name an older connection with the same ends', () => {
    const open = new OpenConnections();
    const older = { ...simulated(1, 0), started_ns: undefined, flow_id: undefined, bytes_sent: 100 };
    [...open.swept([older], 10)];
    const connection = { ...simulated(1, 20), bytes_sent: 5 };
    open.opened({ ...connectRecord(connection), handshake_us: 0 });
    assert.equal(open.ended(closeRecord(connection, 30)).context.intervalRows, 0);
    assert.equal(open.size, 1, 'the older one is still there');
  });

  test('a connection that began while a sweep read the sockets is one, and its bytes count once', () => {
    const open = new OpenConnections();
    [...open.swept([], 5)];
    open.forget(true);
    const connection = { ...simulated(1, 150), bytes_sent: 10 };
    const [found] = [...open.swept([{ ...connection, started_ns: undefined, flow_id: undefined }], 100, 200)];
    assert.equal(found?.moved, undefined);
    open.opened({ ...connectRecord(connection), monotonic_ns: 160, handshake_us: 0.01 });
    assert.equal(open.ended(closeRecord(connection, 180)).context.intervalRows, 1);
    assert.equal(open.size, 0);
  });

  test('a connection that a later sweep finds before any event of it is new, with all that it moved', () => {
    const open = new OpenConnections();
    const unnamed = { ...simulated(1, 0), started_ns: undefined, flow_id: undefined, bytes_sent: 1000 };
    [...open.swept([], 10)];
    open.forget(true);
    [...open.swept([unnamed], 20)];
    const [found] = [...open.swept([unnamed], 25)];
    assert.deepEqual([found?.moved?.sinceNs, found?.moved?.figures.bytes_sent], [10, 1000]);
    open.forget(false);
    const another = { ...unnamed, id: 2, local: { ...unnamed.local, port: 5 } };
    const [second] = [...open.swept([another], 30)];
    assert.equal(second?.moved, undefined, 'it may be older where a sweep has not found all');
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

  test('connections that sweeps no longer find are returned once, with what the last one found', () => {
    const open = new OpenConnections();
    const connection = { ...simulated(1, 0), bytes_sent: 7 };
    const older = { ...simulated(2, 0), flow_id: undefined };
    open.opened(connectRecord(connection));
    [...open.swept([connection, older], 10e9)];
    for (const seconds of [11, 12, 13, 14, 39]) {
      [...open.swept([], seconds * 1e9)];
      assert.deepEqual(open.forget(true), [], `${seconds} s`);
    }
    [...open.swept([], 41e9)];
    assert.deepEqual(open.forget(true), [
      { connection, seenNs: 10e9, moved: undefined, intervalRows: 1, connectionId: undefined },
      { connection: older, seenNs: 10e9, moved: undefined, intervalRows: 1, connectionId: undefined },
    ]);
    assert.deepEqual([open.forget(true), open.size], [[], 0]);
  });

  test('a connection that no sweep found is kept with its handshake while sweeps do not find all', () => {
    const open = new OpenConnections();
    const connection = simulated(1, 0);
    open.opened(connectRecord(connection));
    const sweepFor = (isComplete: boolean) => {
      for (let sweep = 0; sweep < 50; sweep++) {
        [...open.swept([], sweep * 60e9)];
        assert.deepEqual(open.forget(isComplete), []);
      }
    };
    sweepFor(false);
    assert.equal(open.ended(closeRecord(connection, 1)).context.handshake_us, 123);
    open.opened(connectRecord(simulated(2, 0)));
    sweepFor(true);
    assert.equal(open.size, 0);
  });

  test('a connection that is not wanted for a while is the same one afterwards', () => {
    const open = new OpenConnections();
    const connection = simulated(1, 0);
    open.opened(connectRecord(connection));
    connection.bytes_sent = 10;
    [...open.swept([connection], 10e9)];
    for (let sweep = 2; sweep < 20; sweep++) {
      [...open.swept([connection], sweep * 10e9, sweep * 10e9, () => false)];
      assert.deepEqual(open.forget(true), []);
    }
    connection.bytes_sent = 30;
    const [found] = [...open.swept([connection], 300e9)];
    assert.deepEqual([found?.isNew, found?.moved?.figures], [false, { bytes_sent: 20 }]);
  });
});
