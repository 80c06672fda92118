import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Batch, EndRow } from '@weir/history/schema';
import type {
  AcceptRecord,
  CloseRecord,
  Connection,
  ConnectRecord,
  EventColumns,
  TraceRecord,
  TracerApi,
} from '@weir/tracer';
import { Collector, type CollectorOptions } from '../src/collector/collector.js';
import { EventPairs, NONE } from '../src/collector/event-pairs.js';
import { PlaceCache } from '../src/collector/place-cache.js';
import { batchOfContent } from './support/batches.js';
import { columnsOf } from './support/event-columns.js';
import { randomNumbers } from './support/random.js';

const START_NS = 5_000_000_000_000;
const host = { host_id: 2n ** 64n - 3n, time: 1n, name: 'here', boot_id: 'boot' };

/** What a collector makes of batches of events. @param wants Let all in, but have each be looked at. */
async function collect(
  batches: readonly (readonly TraceRecord[])[],
  { live = [], ...more }: Partial<CollectorOptions> & { readonly live?: readonly Connection[] } = {},
): Promise<EndRow[]> {
  const collected: Batch[] = [];
  const tracer = {
    completeNs: 0,
    async *columns(): AsyncGenerator<EventColumns> {
      for (const records of batches) {
        // The first sweep comes before all events.
        await new Promise((resolve) => setTimeout(resolve, 20));
        yield columnsOf(records);
      }
    },
    connections: () => ({
      totals: { untracked: 0 },
      refresh: async () => {},
      takeEnded: () => ({ ended: [], dropped: 0 }),
      [Symbol.iterator]: () => live.values(),
      [Symbol.dispose]: () => {},
    }),
    stop: async () => {},
  };
  const collector = new Collector({
    ...{ tracer: tracer as unknown as TracerApi, host, sweepMs: 1_000_000, flushMs: 1_000_000 },
    clock: { monotonicNs: () => START_NS, offsetNs: () => 1_790_000_000_000_000_000n },
    ...more,
    send: (content) => {
      collected.push(batchOfContent(content));
      return true;
    },
  });
  await collector.run();
  return collected.flatMap(({ ends = [] }) => ends).sort((a, b) => a.monotonic_ns - b.monotonic_ns);
}

const all: Partial<CollectorOptions> = { wants: { record: () => true, connection: () => true } };
/** Details that differ by process, port and address, some of them absent. */
const enrich: CollectorOptions['enrich'] = (record) => {
  if (record.event === 'lost' || record.event === 'fd_install') return record;
  const { process, peer } = record;
  const service = record.direction === 'outbound' && peer.port % 3 === 0 ? `port-${peer.port}` : undefined;
  return {
    ...record,
    ...(service !== undefined && { service }),
    ...(process !== undefined && {
      process: {
        ...process,
        command_line: `/bin/${process.comm} --of ${process.pid}`,
        ...(process.pid % 2 === 0 && { unit: 'a.service' }),
      },
    }),
    peer: { ...peer, ...(peer.address.endsWith('1') && { name: `name-of-${peer.address}` }) },
  } as never;
};

/** Events of some connections, in order: most of them begin and end here. */
function randomEvents(next: (below: number) => number, count: number, fromNs: number): TraceRecord[] {
  const events: TraceRecord[] = [];
  const maybe = <T>(value: T, times = 4): T | undefined => (next(times) === 0 ? undefined : value);
  for (let index = 0; index < count; index++) {
    const startNs = fromNs + next(40_000_000);
    const lengthNs = 1000 + next(20_000_000);
    const isIpv6 = next(4) === 0;
    const address = () => (isIpv6 ? `2001:db8::${next(4) + 1}` : `10.0.0.${next(4) + 1}`);
    const isOutbound = next(2) === 0;
    const pid = 100 + next(3);
    const time = (ns: number) =>
      `2026-11-26T14:00:0${Math.floor((ns - START_NS) / 1e9)}.${String((ns - START_NS) % 1e9).padStart(9, '0')}Z`;
    const base = {
      ...{ cpu: next(4), netns: 4_026_531_840 + next(2) },
      network: { transport: 'tcp', type: isIpv6 ? 'ipv6' : 'ipv4' } as const,
      local: { address: address(), port: 1024 + next(5) },
      peer: { address: address(), port: 80 + next(5) },
      flow_id: `${(startNs - 500).toString(16).padStart(15, '0')}.${next(2)}`,
      ...(next(8) > 0 && {
        process: { pid, tid: pid + next(2), comm: ['web', 'naïve', 'a\\b'][next(3)]!, uid: next(2) },
      }),
      ...(next(3) === 0 && { thread: 'worker' }),
      ...(next(3) === 0 && { cgroup_id: 5000 + next(3) }),
      ...(next(5) > 0 && { connection_id: (next(2 ** 30) + 1).toString(16).padStart(16, '0') }),
      ...(next(12) === 0 && { interface_index: 2, interface: 'eth0' }),
      ...(next(12) > 0 && { direction: isOutbound ? ('outbound' as const) : ('inbound' as const) }),
    };
    const begun = { ...base, time: time(startNs), monotonic_ns: startNs };
    const ended = { ...base, time: time(startNs + lengthNs), monotonic_ns: startNs + lengthNs };
    const handshake = maybe(next(400));
    const candidates = maybe(2 + next(4));
    const connect = {
      ...begun,
      event: 'connect',
      ...(handshake !== undefined && { handshake_us: handshake }),
    } as ConnectRecord;
    const accept = {
      ...begun,
      event: 'accept',
      accounted: candidates === undefined ? 'accept' : 'listener',
      ...(candidates !== undefined && { candidates }),
    } as AcceptRecord;
    const numbers = [
      'duration_us',
      'bytes_sent',
      'bytes_received',
      'segments_sent',
      'segments_received',
      'retransmits',
      'srtt_us',
      'closing_us',
    ];
    const figures = Object.fromEntries(
      numbers.flatMap((name) => (next(8) === 0 ? [] : [[name, next(100_000)]])),
    );
    const close = {
      ...{ ...ended, event: 'close', closed_by: (['local', 'peer', 'reset'] as const)[next(3)]!, ...figures },
      ...(next(9) === 0 && { subflows: 2 }),
      ...(next(9) === 0 && { filter: 'undecided' as const }),
    } as CloseRecord;
    const kind = next(10);
    if (kind !== 0 && kind !== 2) events.push(isOutbound ? connect : accept);
    if (kind !== 1 && kind !== 2) events.push(close);
    if (kind === 2)
      events.push({ ...connect, event: 'fail', error: 'ECONNREFUSED', monotonic_ns: startNs + 1 } as never);
  }
  return events.sort((a, b) => a.monotonic_ns - b.monotonic_ns);
}

describe('connections that begin and end in one batch of events', () => {
  test('have the rows that each record by itself would give', async () => {
    for (let start = 1; start <= 12; start++) {
      const next = randomNumbers(start);
      const batches = Array.from({ length: 4 }, (_, batch) =>
        randomEvents(next, 100, START_NS + 1e8 * (batch + 1)),
      );
      const columns = await collect(batches, { enrich });
      const rows = await collect(batches, { enrich, ...all });
      assert.ok(rows.length > 300);
      assert.deepEqual(columns, rows, `start ${start}`);
    }
  });

  test('are looked at by themselves where a sweep has found them before', async () => {
    const [connect, close] = [1, 2].map((ms) => ({
      ...{
        time: '2026-11-26T14:00:00.000000000Z',
        monotonic_ns: START_NS - 10e6 + ms * 1e6,
        cpu: 0,
        netns: 1,
      },
      ...{ network: { transport: 'tcp', type: 'ipv4' }, direction: 'outbound' },
      local: { address: '10.0.0.1', port: 1000 },
      peer: { address: '10.0.0.2', port: 80 },
      process: { pid: 7, tid: 7, comm: 'web', uid: 0 },
      flow_id: `${(START_NS - 11e6).toString(16).padStart(15, '0')}.0`,
    })) as [object, object];
    const pair = [
      { ...connect, event: 'connect', handshake_us: 5 },
      { ...close, event: 'close', closed_by: 'local', closing_us: 3, bytes_sent: 900 },
    ] as TraceRecord[];
    const live = {
      ...pair[0],
      id: 1,
      started_ns: START_NS - 10e6,
      bytes_sent: 400,
      transport: 'tcp',
      type: 'ipv4',
      interface_index: 0,
    };
    const padding = randomEvents(randomNumbers(3), 50, START_NS + 1e8);
    const ends = await collect([[...pair, ...padding]], { live: [live as unknown as Connection] });
    // What it had moved before the sweep is in a row of intervals.
    assert.deepEqual(
      ends[0] && [ends[0].bytes_sent, ends[0].interval_rows, ends[0].handshake_us],
      [900, 2, 5],
    );
  });
});

describe('pairs of events', () => {
  test('are those of one flow, the end after the beginning, each once', () => {
    const pairs = new EventPairs();
    const [connect, close] = ['connect', 'close'].map((event) => (flow: number) => ({
      event,
      flow_id: `${flow.toString(16).padStart(15, '0')}.1`,
    }));
    const events = [
      close!(1),
      connect!(1),
      connect!(2),
      close!(1),
      close!(1),
      connect!(3),
      connect!(1),
      close!(0),
      connect!(0),
      close!(0),
    ];
    pairs.find(columnsOf(events as never));
    assert.deepEqual(
      [...pairs.other.subarray(0, events.length)],
      [NONE, 3, NONE, 1, NONE, NONE, NONE, NONE, NONE, NONE],
    );
  });
});

describe('numbers for what rows have in common', () => {
  test('are the same for equal keys, however many there are', () => {
    const cache = new PlaceCache(2);
    const next = randomNumbers(9);
    for (const rounds of [50, 5000]) {
      cache.clear();
      const known = new Map<string, number>();
      const keys = new Uint32Array(2 * rounds);
      const expected: number[] = [];
      for (let index = 0; index < rounds; index++) {
        keys[2 * index] = next(2 ** 31) % 70;
        keys[2 * index + 1] = 2 ** 31 + next(30);
        const name = keys.subarray(2 * index, 2 * index + 2).join();
        if (!known.has(name)) known.set(name, known.size);
        expected.push(known.get(name)!);
      }
      const entries = new Int32Array(rounds);
      cache.findAll(keys, rounds, entries);
      assert.deepEqual([...entries], expected);
      assert.equal(cache.size, known.size);
    }
  });
});
