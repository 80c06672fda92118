import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from '@weir/history/schema';
import {
  type BegunConnection,
  type ConnectionsOptions,
  type EventColumns,
  type LiveConnections,
  type TraceRecord,
  type TracerApi,
  TracerStoppedError,
} from '@weir/tracer';
import { Collector, type CollectorOptions } from '../src/collector/collector.js';
import { OpenConnections } from '../src/collector/open-connections.js';
import { OpenChanges } from '../src/collector/open-state.js';
import { batchOfContent } from './support/batches.js';
import { closeRecord, connectRecord, type Simulated, simulated } from './support/connections.js';
import { columnsOf } from './support/event-columns.js';

const OFFSET = 1_795_700_000_000_000_000n;
const clock = { monotonicNs: () => Math.round(performance.now() * 1e6), offsetNs: () => OFFSET };
const host = { host_id: 7n, time: 1n, name: 'here', boot_id: 'boot' };

/** A tracer whose records and live connections a test gives. */
class FakeTracer {
  readonly live = new Set<Simulated>();
  readonly totals = { untracked: 0 };
  /** Whether the ring has events that nobody has read. */
  isBehind = false;
  /** Connections of an earlier tracer. */
  begun: readonly BegunConnection[] = [];
  onYield = (): unknown => undefined;
  onRefresh = async (): Promise<void> => {};
  #waiting: TraceRecord[] = [];
  #wake = () => {};
  #stopped = false;

  emit(...records: TraceRecord[]): void {
    this.#waiting.push(...records);
    this.#wake();
  }

  get completeNs(): number {
    return this.#waiting.length === 0 && !this.isBehind ? clock.monotonicNs() : 0;
  }

  async *columns(): AsyncGenerator<EventColumns> {
    for (;;) {
      if (this.#waiting.length > 0) {
        yield columnsOf(this.#waiting.splice(0));
        this.onYield();
      } else if (this.#stopped) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  connections(options?: ConnectionsOptions): LiveConnections {
    this.begun = [...(options?.begun ?? [])];
    const { live, totals } = this;
    const refresh = () => this.onRefresh();
    const parts = { totals, refresh, takeEnded: () => ({ ended: [], dropped: 0 }) };
    return { ...parts, [Symbol.iterator]: () => live.values(), [Symbol.dispose]: () => {} } as never;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
  }
}

/** Collects while `action` runs; returns the batches. */
async function collect(
  action: (tracer: FakeTracer, sweeps: (count: number) => Promise<void>) => Promise<void>,
  options: Partial<CollectorOptions> = {},
): Promise<Batch[]> {
  const tracer = new FakeTracer();
  const batches: Batch[] = [];
  let swept = 0;
  const sweeps = async (count: number): Promise<void> => {
    for (const enough = swept + count; swept < enough; ) await sleep(5);
  };
  const send = options.send ?? (() => true);
  const collector = new Collector({
    ...{ tracer: tracer as unknown as TracerApi, host, clock, sweepMs: 50, flushMs: 10, ...options },
    send: (content) => {
      batches.push(batchOfContent(content));
      if (content.sweep !== undefined) swept++;
      return send(content);
    },
  });
  const running = collector.run();
  await action(tracer, sweeps);
  await tracer.stop();
  await running;
  return batches;
}

describe('the collector', () => {
  test('hands over its host before any record, so that a run which is killed at once is known', async () => {
    const beganNs = clock.monotonicNs() - 5e6;
    const [first] = await collect(async () => {}, { beganNs, flushMs: 1_000_000, sweepMs: 1_000_000 });
    assert.deepEqual(first!.hosts, [host]);
    assert.equal(first!.goodbye, false);
    // What happened since the programs were attached is not in it.
    assert.deepEqual([first!.monotonic_ns, first!.time], [beganNs, OFFSET + BigInt(beganNs)]);
  });

  test('hands over the host once, a goodbye last, and times that never go back', async () => {
    const batches = await collect(async (tracer, sweeps) => {
      const connection = simulated(1, clock.monotonicNs());
      tracer.live.add(connection);
      tracer.emit(connectRecord(connection));
      await sweeps(2);
      tracer.live.delete(connection);
      tracer.emit(closeRecord(connection, clock.monotonicNs()));
    });
    assert.deepEqual(
      batches.flatMap(({ hosts }) => hosts ?? []),
      [host],
    );
    assert.deepEqual(batches.map(({ goodbye }) => goodbye === true).indexOf(true), batches.length - 1);
    for (const [index, batch] of batches.entries()) {
      assert.ok(batch.time >= (batches[index - 1]?.time ?? 0n), `batch ${index}`);
      for (const { time, monotonic_ns } of batch.opens ?? [])
        assert.deepEqual([time, monotonic_ns], [batch.time, batch.monotonic_ns]);
    }
  });

  test('says the number that both ends know in rows about a connection while it is open', async () => {
    const connection_id = '0123456789abcdef';
    const batches = await collect(async (tracer, sweeps) => {
      const connection = simulated(1, clock.monotonicNs());
      tracer.emit({ ...connectRecord(connection), connection_id });
      await sweeps(1);
      tracer.live.add(connection);
      connection.bytes_sent = 5;
      await sweeps(3);
    });
    const ids = (rows: readonly { readonly connection_id?: bigint }[]) =>
      rows.map(({ connection_id: id }) => id?.toString(16).padStart(16, '0'));
    const intervals = ids(batches.flatMap((batch) => batch.intervals ?? []));
    const opens = ids(batches.flatMap((batch) => batch.opens ?? []));
    assert.ok(intervals.length > 0 && opens.length > 0);
    assert.deepEqual(new Set([...intervals, ...opens]), new Set([connection_id]));
  });

  test('ends well when it is stopped in the middle of a sweep, with what comes after', async () => {
    const batches = await collect(async (tracer, sweeps) => {
      const connection = simulated(1, clock.monotonicNs());
      tracer.emit(connectRecord(connection));
      await sweeps(1);
      let isRefused = false;
      tracer.onRefresh = async () => {
        isRefused = true;
        throw new TracerStoppedError();
      };
      while (!isRefused) await sleep(1);
      await sleep(1);
      tracer.emit(closeRecord(connection, clock.monotonicNs()));
    });
    assert.equal(batches.flatMap(({ ends }) => ends ?? []).length, 1);
    assert.equal(batches.at(-1)?.goodbye, true);
  });

  test('lists all that is open first, and then what is new', async () => {
    const batches = await collect(async (tracer, sweeps) => {
      tracer.live.add({ ...simulated(1, 0), started_ns: undefined, flow_id: undefined });
      await sweeps(1);
      tracer.live.add(simulated(2, clock.monotonicNs()));
      await sweeps(2);
    });
    const swept = batches.filter(({ sweep }) => sweep !== undefined);
    assert.deepEqual([swept[0]?.sweep, swept[1]?.sweep], ['full', 'changes']);
    const ports = swept.flatMap(({ opens }) => (opens ?? []).map(({ local_port }) => local_port));
    assert.deepEqual(ports, [10_001, 10_002]);
  });

  test('lists all anew after a batch found no room', async () => {
    let refused = 0;
    const sweeps: string[] = [];
    await collect(
      async (tracer, sweeps) => {
        tracer.live.add(simulated(1, clock.monotonicNs()));
        await sweeps(3);
      },
      {
        send: ({ sweep }) => {
          if (sweep !== undefined) sweeps.push(sweep);
          return sweep !== 'changes' || refused++ > 0;
        },
      },
    );
    assert.deepEqual(sweeps.slice(0, 3), ['full', 'changes', 'full']);
  });

  for (const [text, backNs] of [
    ['an hour', 3_600_000_000_000n],
    ['a year', 31_557_600_000_000_000n],
  ] as const)
    test(`lists all anew, by the times of then, when the clock is set back by ${text}`, async () => {
      let offsetNs = OFFSET;
      const batches = await collect(
        async (tracer, sweeps) => {
          tracer.live.add(simulated(1, clock.monotonicNs()));
          await sweeps(3);
          offsetNs -= backNs;
          // One from before may still be on its way.
          await sweeps(4);
        },
        { clock: { ...clock, offsetNs: () => offsetNs } },
      );
      const swept = batches.filter(({ sweep }) => sweep !== undefined);
      const set = swept.findIndex(({ time }) => time < OFFSET);
      const kinds = swept.map(({ sweep }) => sweep);
      for (const part of [kinds.slice(0, set), kinds.slice(set)]) {
        assert.ok(part.length >= 3, kinds.join(' '));
        assert.deepEqual(part, ['full', ...part.slice(1).fill('changes')]);
      }
      assert.ok(swept.slice(set).every(({ time }) => time < OFFSET));
      assert.deepEqual(
        swept[set]!.opens!.map(({ local_port, time }) => [local_port, time]),
        [[10_001, swept[set]!.time]],
      );
    });

  test('has the bytes of a long connection in the spans in which they moved', async () => {
    const connection = simulated(1, clock.monotonicNs());
    const batches = await collect(async (tracer, sweeps) => {
      tracer.emit(connectRecord(connection));
      tracer.live.add(connection);
      connection.bytes_sent = 1000;
      await sweeps(2);
      connection.bytes_sent = 1500;
      tracer.live.delete(connection);
      tracer.emit(closeRecord(connection, clock.monotonicNs()));
    });
    const intervals = batches.flatMap(({ intervals = [] }) => intervals);
    assert.deepEqual(
      intervals.map(({ bytes_sent }) => bytes_sent),
      [1000, 500],
    );
    const [end] = batches.flatMap(({ ends = [] }) => ends);
    assert.deepEqual([end?.bytes_sent, end?.interval_rows, end?.handshake_us], [1500, 2, 123]);
  });

  test('goes on with connections that a killed one has counted', async () => {
    const startedNs = clock.monotonicNs();
    const connection = simulated(1, startedNs);
    const other = simulated(2, startedNs);
    const earlier = new OpenConnections(new OpenChanges());
    for (const one of [connection, other]) earlier.opened(connectRecord(one));
    connection.bytes_sent = 1000;
    [...earlier.swept([connection, other], startedNs + 1)];
    const until = { time: OFFSET + BigInt(startedNs), monotonicNs: startedNs };
    const connections = [...earlier.state.connections].map((known) => ({ ...known, id: undefined }));
    const takeOpen = () => ({ ...earlier.state, connections });
    const resumed = { beganNs: startedNs, until, losses: [], takeOpen };
    const first: number[] = [];
    const batches = await collect(
      async (tracer, sweeps) => {
        assert.deepEqual(
          tracer.begun.map(({ flow_id, started_ns }) => [flow_id, started_ns]),
          [connection, other].map(({ flow_id, started_ns }) => [flow_id, started_ns]),
        );
        // Another tracer gives other numbers to them.
        tracer.live.add({ ...connection, id: 7, bytes_sent: 1500 });
        tracer.emit(closeRecord(other, clock.monotonicNs()));
        await sweeps(1);
        tracer.live.clear();
        connection.bytes_sent = 1700;
        tracer.emit(closeRecord(connection, clock.monotonicNs()));
      },
      { resumed, keepOpen: (open) => void first.push(open.size) },
    );
    assert.equal(first[0], 2, 'all is kept with its first batch');
    const rows = batches.flatMap(({ intervals = [] }) => intervals);
    assert.deepEqual(
      rows.map(({ bytes_sent }) => bytes_sent),
      [500, 200],
    );
    const ends = batches.flatMap(({ ends = [] }) => ends);
    assert.deepEqual(
      ends.map(({ interval_rows, handshake_us }) => [interval_rows, handshake_us]),
      [
        [1, 123],
        [3, 123],
      ],
    );
  });

  test('calls no time complete whose events the tracer has not read', async () => {
    const connection = simulated(1, clock.monotonicNs());
    const batches = await collect(
      async (tracer) => {
        tracer.isBehind = true;
        tracer.emit(connectRecord(connection));
        await sleep(100);
      },
      { flushMs: 5 },
    );
    // After the one that begins the run.
    const [goodbye, ...earlier] = batches.slice(1).toReversed();
    assert.equal(goodbye?.goodbye, true);
    assert.ok(earlier.length > 0);
    assert.equal(new Set(earlier.map(({ monotonic_ns }) => monotonic_ns)).size, 1);
    assert.ok(Number(goodbye!.monotonic_ns) - Number(earlier[0]!.monotonic_ns) > 50e6);
  });

  test('keeps losses with where they were', async () => {
    const batches = await collect(async (tracer) => {
      tracer.emit({
        event: 'lost',
        time: '2026-11-26T14:00:00.000000001Z',
        monotonic_ns: 1,
        count: 3,
        where: 'ring',
      });
    });
    const [loss] = batches.flatMap(({ losses = [] }) => losses);
    assert.deepEqual([loss?.count, loss?.place, loss?.time], [3, 'ring', 1_795_701_600_000_000_001n]);
  });

  test('gives a loss the span since the look before, or since it began', async () => {
    const batches = await collect(async (tracer) => {
      const nowNs = clock.monotonicNs();
      for (const afterNs of [1e9, 60e9])
        tracer.emit({
          event: 'lost',
          time: '2026-11-26T14:00:00.000000000Z',
          monotonic_ns: nowNs + afterNs,
          ...{ count: 3, where: 'ring' },
        });
    });
    const losses = batches.flatMap(({ losses = [] }) => losses);
    const [first, second] = losses.map(({ since, time }) => Number(time - since!));
    assert.ok(first! >= 1e9 && first! < 2e9, `${first}`);
    assert.equal(second, 12e9);
  });

  test('counts open connections for which there was no room, at each sweep', async () => {
    const batches = await collect(async (tracer, sweeps) => {
      await sweeps(1);
      tracer.totals.untracked = 5;
      await sweeps(2);
      tracer.totals.untracked = 0;
      await sweeps(2);
    });
    const losses = batches.flatMap(({ losses = [] }) => losses);
    assert.ok(losses.length > 0);
    for (const { count, place, since, time } of losses)
      assert.ok(count === 5 && place === 'history' && since! < time, JSON.stringify({ count, place }));
  });

  test('gives timers their turn while records never cease', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await collect(async (tracer) => {
      const until = performance.now() + 60_000;
      const goesOn = () => turns < 5 && performance.now() < until;
      const more = () => goesOn() && tracer.emit(closeRecord(simulated(1, 0), 1));
      tracer.onYield = more;
      more();
      // What the collector does, without a pause, once it has begun.
      await sleep(0);
      while (goesOn()) await new Promise((resolve) => setImmediate(resolve));
    });
    clearInterval(timer);
    assert.ok(turns >= 5, `${turns} turns`);
  });

  test('leaves out what is not wanted', async () => {
    const wants = { record: () => false, connection: () => false };
    const batches = await collect(
      async (tracer, sweeps) => {
        const connection = simulated(1, clock.monotonicNs());
        tracer.live.add(connection);
        tracer.emit(connectRecord(connection));
        await sweeps(2);
        tracer.emit(closeRecord(connection, clock.monotonicNs()));
      },
      { wants },
    );
    for (const { ends = [], opens = [], intervals = [] } of batches)
      assert.deepEqual([ends, opens, intervals], [[], [], []]);
  });
});
