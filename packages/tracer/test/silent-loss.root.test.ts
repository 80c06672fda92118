/** Losses of a perf buffer where the program does not learn of them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs, onlineCpus, raiseMemlock } from '@weir/ebpf/sys';
import type { TraceRecord } from '../src/index.js';
import { SilentProducer } from './support/silent-producer.js';

const PAGE = 4096;
const PER_CPU = 1000;
const cpus = onlineCpus();

before(() => raiseMemlock());

/** All that waits for the reader. */
function take(producer: SilentProducer): readonly TraceRecord[] {
  const records: TraceRecord[] = [];
  while (!producer.stream.isEmpty) records.push(...producer.stream.take());
  return records;
}

function count(records: readonly TraceRecord[]): { events: number; lost: number } {
  let [events, lost] = [0, 0];
  for (const record of records) {
    if (record.event !== 'lost') events++;
    else if (record.where === 'ring') lost += record.count;
  }
  return { events, lost };
}

let laterNs = 0;

/** Reads until all up to this moment was released, and the record of losses is due. */
async function reported(producer: SilentProducer): Promise<{ events: number; lost: number }> {
  await producer.stream.catchUp();
  const records = [...take(producer)];
  for (const seconds of [11, 1]) {
    laterNs += seconds * 1e9;
    records.push(...producer.losses.records(Number(monotonicNs()) + laterNs, false));
  }
  return count(records);
}

describe('a full perf buffer whose program ignores the result of the helper', () => {
  it('loses exactly what is counted as lost at the end', async () => {
    using producer = new SilentProducer(PAGE, cpus.length);
    for (const cpu of cpus) producer.produce(cpu, PER_CPU);
    await producer.stream.drain(true);
    const { events, lost } = count(take(producer));
    assert.ok(events > 0 && lost > 0, `${events} events, ${lost} lost: the test shows nothing`);
    assert.equal(events + lost, producer.produced);
    assert.equal(producer.losses.counts().ring, lost);
  });

  it('loses exactly what is reported while the tracer runs, and what fits later is not lost', async () => {
    using producer = new SilentProducer(PAGE, cpus.length);
    for (const cpu of cpus) producer.produce(cpu, PER_CPU);
    const first = await reported(producer);
    assert.equal(first.events + first.lost, producer.produced);
    for (const cpu of cpus) producer.produce(cpu, 5);
    const second = await reported(producer);
    assert.deepEqual(second, { events: 5 * cpus.length, lost: 0 });
    for (const cpu of cpus) producer.produce(cpu, PER_CPU);
    await producer.stream.drain(true);
    const last = count(take(producer));
    assert.equal(first.events + second.events + last.events + first.lost + last.lost, producer.produced);
    assert.equal(producer.losses.counts().ring, first.lost + last.lost);
  });

  // A CPU of this machine is not ours to stop.
  if (process.env.WEIR_LAB_KERNEL !== undefined && cpus.length > 1) {
    it('on a CPU that goes and comes back is read again, and loses exactly what is counted', async () => {
      using producer = new SilentProducer(PAGE, cpus.length);
      const cpu = cpus.at(-1)!;
      const online = `/sys/devices/system/cpu/cpu${cpu}/online`;
      producer.produce(cpu, 5);
      writeFileSync(online, '0');
      try {
        const gone = await reported(producer);
        assert.deepEqual(gone, { events: 5, lost: 0 });
      } finally {
        writeFileSync(online, '1');
      }
      // Nothing has opened a ring for it yet.
      producer.produce(cpu, 7);
      assert.deepEqual(await reported(producer), { events: 0, lost: 7 });
      producer.produce(cpu, PER_CPU);
      await sleep(1);
      await producer.stream.drain(true);
      const last = count(take(producer));
      assert.ok(last.events > 0, 'no event of the CPU that came back');
      assert.equal(5 + 7 + last.events + last.lost, producer.produced);
    });
  }
});
