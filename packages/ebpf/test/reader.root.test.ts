import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { OptionError } from '../src/errors.js';
import { DescriptorMap } from '../src/map/descriptor-map.js';
import { createMap } from '../src/map/open.js';
import type { MapSpec } from '../src/object/spec.js';
import { PerfBufferReader } from '../src/reader/perf.js';
import { RingBufferReader } from '../src/reader/ringbuf.js';
import { monotonicNs } from '../src/sys/clock.js';
import { onlineCpus } from '../src/sys/cpus.js';
import { raiseMemlock } from '../src/sys/memlock.js';
import { pageSize } from '../src/sys/memory.js';
import { MapType } from '../src/uapi/map-types.js';
import { PerfProducer, RingProducer } from './support/producers.js';
import { requireKernel } from './support/require.js';
import { assertMapsGone, assertRoot, openDescriptors } from './support/root.js';

before(() => {
  assertRoot();
  raiseMemlock();
});

const noWakeup = 1; // BPF_RB_NO_WAKEUP

function ringSpec(bytes: number): MapSpec {
  return { name: 'ring', type: MapType.ringbuf, keySize: 0, valueSize: 0, maxEntries: bytes, flags: 0 };
}

const perfSpec: MapSpec = {
  name: 'perf',
  type: MapType.perfEventArray,
  keySize: 4,
  valueSize: 4,
  maxEntries: 0,
  flags: 0,
};

/** Checks that records are numbered one after the other and stamped in order. */
function numberedFrom(first: number): {
  next: number;
  onRecord: (view: DataView, offset: number, length: number) => void;
} {
  let lastTime = 0n;
  const state = {
    next: first,
    onRecord: (view: DataView, offset: number): void => {
      assert.equal(view.getBigUint64(offset, true), BigInt(state.next));
      const time = view.getBigUint64(offset + 8, true);
      assert.ok(time >= lastTime && time <= monotonicNs());
      lastTime = time;
      state.next++;
    },
  };
  return state;
}

/** Bytes of maps that this process has mapped. */
function mappedBytes(): number {
  const maps = readFileSync('/proc/self/maps', 'latin1').split('\n');
  const sizes = maps.flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) .*bpf-map$/.exec(line);
    return match === null ? [] : [Number.parseInt(match[2]!, 16) - Number.parseInt(match[1]!, 16)];
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('ring buffer: only so much is mapped twice as the longest record takes', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(1 << 20));
  const before = mappedBytes();
  using _short = new RingBufferReader(map, { longestRecord: 40 });
  assert.equal(mappedBytes() - before, 2 * pageSize() + (1 << 20) + pageSize());
  assert.throws(() => new RingBufferReader(map, { longestRecord: 0 }), OptionError);
});

for (const options of [{}, { longestRecord: 40 }]) {
  test(`ring buffer: records of the kernel, over many wraps, none lost, with ${JSON.stringify(options)}`, (t) => {
    if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
    using map = createMap(ringSpec(65_536));
    using reader = new RingBufferReader(map, options);
    assert.equal(reader.size, 65_536);
    using producer = new RingProducer(map, 40);
    const expected = numberedFrom(1);
    for (let round = 0; round < 100; round++) {
      producer.produce(1000);
      const position = reader.producerPosition();
      assert.equal(reader.available(), 1000 * 48);
      assert.equal(reader.drain(expected.onRecord, 300), 300);
      assert.equal(reader.drainUntil(position, expected.onRecord, 300), false);
      assert.equal(reader.drainUntil(position, expected.onRecord), true);
      assert.equal(reader.position, position);
      assert.equal(reader.drain(expected.onRecord), 0);
    }
    assert.deepEqual(reader.statistics, { records: 100_000, bytes: 4_000_000, discarded: 0 });
    assert.equal(producer.produced, 100_000);
    assert.equal(producer.dropped, 0);
  });
}

test('ring buffer: read while another thread writes, every wake-up arrives', {
  timeout: 120_000,
}, async (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(16_384));
  using reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 24);
  const workerData = { fd: producer.fd.fd, bursts: 300, perBurst: 400 };
  const worker = new Worker(new URL('./support/ring-worker.js', import.meta.url), { workerData });
  const finished = new AbortController();
  const exited = new Promise<number>((resolve) => worker.once('exit', resolve));
  void exited.then(() => finished.abort());
  let delivered = 0;
  let last = 0n;
  const onRecord = (view: DataView, offset: number): void => {
    const number = view.getBigUint64(offset, true);
    assert.ok(number > last, `record ${number} came after ${last}`);
    last = number;
    delivered++;
  };
  // No timeout: were a wake-up lost while the worker pauses for good, the wait would never end.
  while (await reader.wait({ signal: finished.signal })) reader.drain(onRecord, 100);
  assert.equal(await exited, 0);
  assert.equal(producer.produced, workerData.bursts * workerData.perBurst);
  assert.equal(delivered + producer.dropped, producer.produced);
});

test('ring buffer: what did not fit is exactly what the program counted', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(4096));
  using reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 56);
  let records = 0;
  for (let round = 0; round < 10; round++) {
    producer.produce(500);
    records += reader.drain(() => {});
  }
  assert.equal(producer.produced, 5000);
  assert.ok(records >= 10 * 60, `${records} records`);
  assert.equal(records + producer.dropped, 5000);
});

test('ring buffer: discarded records are passed over and counted', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(65_536));
  using reader = new RingBufferReader(map);
  using discarding = new RingProducer(map, 16, { discard: true });
  using submitting = new RingProducer(map, 16);
  discarding.produce(10);
  submitting.produce(5);
  discarding.produce(10);
  assert.equal(reader.drain(numberedFrom(1).onRecord), 5);
  assert.deepEqual(reader.statistics, { records: 5, bytes: 80, discarded: 20 });
  assert.equal(reader.available(), 0);
});

test('ring buffer: waiting ends with data, at the timeout, at an abort, and with the reader', async (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(65_536));
  const reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 16);
  const expected = numberedFrom(1);

  for (let round = 0; round < 20; round++) {
    const waiting = reader.wait({ timeoutMs: 30_000 });
    // At once, in the next turn, and when the loop sleeps in its poll phase.
    if (round % 3 === 1) await new Promise(setImmediate);
    if (round % 3 === 2) await sleep(20);
    producer.produce(3);
    assert.equal(await waiting, true);
    assert.equal(reader.drain(expected.onRecord), 3);
  }
  producer.produce(1);
  assert.equal(await reader.wait(), true, 'data that is there already ends the wait');
  assert.equal(reader.drain(expected.onRecord), 1);

  const start = performance.now();
  assert.equal(await reader.wait({ timeoutMs: 50 }), false);
  assert.ok(performance.now() - start >= 45);
  assert.equal(await reader.wait({ timeoutMs: 0 }), false);

  const controller = new AbortController();
  const aborted = reader.wait({ signal: controller.signal });
  assert.throws(() => void reader.wait(), /one wait at a time/);
  controller.abort();
  assert.equal(await aborted, false);
  assert.equal(await reader.wait({ signal: controller.signal }), false);

  const ended = reader.wait();
  reader[Symbol.dispose]();
  assert.equal(await ended, false);
  assert.throws(() => reader.drain(() => {}), /already disposed/);
});

test('ring buffer: records without wake-up are found at the timeout', async (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(65_536));
  using reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 16, { flags: noWakeup });
  const waiting = reader.wait({ timeoutMs: 100 });
  await sleep(20);
  producer.produce(2);
  assert.equal(await waiting, true);
  assert.equal(reader.drain(numberedFrom(1).onRecord), 2);
});

test('ring buffer: a reader works on after its map is closed', async (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  const map = createMap(ringSpec(65_536));
  using reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 16);
  map[Symbol.dispose]();
  const waiting = reader.wait({ timeoutMs: 30_000 });
  await sleep(20);
  producer.produce(3);
  assert.equal(await waiting, true);
  assert.equal(reader.drain(numberedFrom(1).onRecord), 3);
});

test('ring buffer: waiting leaves the event loop its turns', async (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(65_536));
  using reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 16);
  let turns = 0;
  let running = true;
  const count = (): void => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  for (let round = 0; round < 100; round++) {
    producer.produce(10);
    assert.equal(await reader.wait(), true);
    reader.drain(() => {}, 5);
  }
  running = false;
  assert.ok(turns >= 100, `${turns} turns`);
});

test('ring buffer: a stale view reads zeros after the reader is gone', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using map = createMap(ringSpec(65_536));
  const reader = new RingBufferReader(map);
  using producer = new RingProducer(map, 16);
  producer.produce(2);
  let kept: { view: DataView; offset: number } | undefined;
  let count = 0;
  reader.drain((view, offset) => {
    kept = { view, offset };
    count++;
    reader[Symbol.dispose]();
  });
  assert.equal(count, 1, 'disposal inside of a record ends the drain');
  assert.equal(kept!.view.getBigUint64(kept!.offset, true), 0n);
});

test('perf buffer: samples of every CPU with their CPU, in order', async (t) => {
  if (!requireKernel(t, 'test runs of raw tracepoint programs', '5.10')) return;
  using map = createMap(perfSpec) as DescriptorMap;
  assert.ok(map instanceof DescriptorMap);
  using reader = new PerfBufferReader(map, { bytesPerCpu: 8192 });
  using producer = new PerfProducer(map);
  assert.deepEqual(reader.cpus, onlineCpus());
  assert.equal(reader.addOnlineCpus(), 0);
  const numbers = new Map<number, bigint[]>(onlineCpus().map((cpu) => [cpu, []]));
  const onSample = (view: DataView, offset: number, length: number, cpu: number): void => {
    // 16 bytes and the 4 that pad the record to a multiple of 8.
    assert.equal(length, 20);
    numbers.get(cpu)!.push(view.getBigUint64(offset, true));
  };
  const perRound = 100;
  for (let round = 0; round < 10; round++) {
    const waiting = reader.wait({ timeoutMs: 30_000 });
    if (round % 2 === 1) await sleep(10);
    for (const cpu of onlineCpus()) producer.produce(cpu, perRound);
    assert.equal(await waiting, true);
    const positions = reader.positions();
    assert.equal(reader.drainUntil(positions, onSample, 10), false);
    assert.equal(reader.drainUntil(positions, onSample), true);
    assert.equal(reader.available(), 0);
    assert.equal(reader.drain(onSample), 0);
  }
  for (const own of numbers.values()) {
    assert.equal(own.length, 10 * perRound);
    for (let index = 1; index < own.length; index++) assert.ok(own[index - 1]! < own[index]!);
  }
  const records = 10 * perRound * onlineCpus().length;
  assert.deepEqual(reader.statistics, { records, bytes: records * 20, lost: 0 });
  assert.equal(await reader.wait({ timeoutMs: 20 }), false);
});

test('perf buffer: lost samples are counted by CPU', (t) => {
  if (!requireKernel(t, 'test runs of raw tracepoint programs', '5.10')) return;
  using map = createMap(perfSpec);
  using reader = new PerfBufferReader(map, { bytesPerCpu: 4096 });
  using producer = new PerfProducer(map);
  const cpu = onlineCpus().at(-1)!;
  producer.produce(cpu, 1000);
  let records = reader.drain(() => {});
  assert.ok(records > 0 && records < 1000);
  // The kernel reports what it dropped with the next sample that fits.
  producer.produce(cpu, 1);
  records += reader.drain(() => {});
  assert.equal(reader.lost(cpu), 1001 - records);
  assert.equal(reader.lost(), reader.lost(cpu));
  assert.equal(reader.statistics.records, records);
});

test('perf buffer: few samples are woken for only at the watermark', async (t) => {
  if (!requireKernel(t, 'test runs of raw tracepoint programs', '5.10')) return;
  using map = createMap(perfSpec);
  using reader = new PerfBufferReader(map, { bytesPerCpu: 16_384, wakeupBytes: 4096 });
  using producer = new PerfProducer(map);
  const cpu = onlineCpus()[0]!;
  const waiting = reader.wait({ timeoutMs: 30_000 });
  await sleep(50);
  let woken = false;
  void waiting.then(() => {
    woken = true;
  });
  producer.produce(cpu, 10);
  await sleep(50);
  assert.equal(woken, false);
  producer.produce(cpu, 200);
  assert.equal(await waiting, true);
  assert.equal(
    reader.drain(() => {}),
    210,
  );
});

test('nothing is left of disposed readers', async (t) => {
  if (!requireKernel(t, 'test runs of raw tracepoint programs', '5.10')) return;
  const descriptors = openDescriptors();
  const ids: number[] = [];
  for (let round = 0; round < 10; round++) {
    using ring = createMap(ringSpec(16_384));
    using perf = createMap(perfSpec) as DescriptorMap;
    ids.push(ring.info().id, perf.info().id);
    using ringReader = new RingBufferReader(ring);
    const perfReader = new PerfBufferReader(perf);
    using ringProducer = new RingProducer(ring, 16);
    using perfProducer = new PerfProducer(perf);
    ringProducer.produce(1);
    perfProducer.produce(onlineCpus()[0]!, 1);
    assert.equal(await ringReader.wait({ timeoutMs: 5000 }), true);
    assert.equal(await perfReader.wait({ timeoutMs: 5000 }), true);
    perfReader[Symbol.dispose]();
    assert.equal(perf.clear(onlineCpus()[0]!), false, 'the slot is empty');
  }
  assert.throws(() => new RingBufferReader(createMapOnce(perfSpec)), /not a BPF_MAP_TYPE_RINGBUF/);
  assert.throws(
    () => new PerfBufferReader(createMapOnce(ringSpec(4096))),
    /not a BPF_MAP_TYPE_PERF_EVENT_ARRAY/,
  );
  for (const map of opened.splice(0)) map[Symbol.dispose]();
  // Poll handles close in the event loop's closing phase.
  await sleep(20);
  assert.deepEqual(openDescriptors(), descriptors);
  await assertMapsGone(ids);
});

const opened: Disposable[] = [];

function createMapOnce(spec: MapSpec): ReturnType<typeof createMap> {
  const map = createMap(spec);
  opened.push(map);
  return map;
}
