/** Reading on where an earlier reader of a held ring was: whatever that had handed out, no event comes twice, and none is left out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EbpfError } from '@weir/ebpf';
import { offsetsTcpEvent, sizeofTcpEvent } from '../src/generated/tcp.js';
import { HeldRing, type HeldRingReader, type RingPosition } from '../src/stream/held-ring.js';
import { EVENT_STRIDE } from '../src/stream/staging.js';
import { WaitingRecords } from '../src/stream/waiting-records.js';

interface TimedEvent {
  readonly time: number;
  readonly cpu: number;
  /** Where it is in the ring. */
  readonly at: number;
}

/** A ring as the kernel has it, which outlives its readers. */
class LastingRing {
  readonly size = EVENT_STRIDE * 4096;
  readonly view = new DataView(new ArrayBuffer(this.size));
  released = 0;
  end = 0;

  add(time: number, cpu: number): TimedEvent {
    const at = this.end;
    this.view.setBigUint64(at + offsetsTcpEvent.timeNs, BigInt(time), true);
    this.view.setUint32(at + offsetsTcpEvent.cpu, cpu, true);
    this.end += EVENT_STRIDE;
    return { time, cpu, at };
  }

  reader(): HeldRingReader {
    let position = this.released;
    const ring = this;
    return {
      get position() {
        return position;
      },
      get occupied() {
        return ring.end - ring.released;
      },
      size: this.size,
      producerPosition: () => this.end,
      peekUntil: (end, onRun, limit = 7) => {
        const count = Math.min(limit, (end - position) / EVENT_STRIDE);
        const from = position;
        position += count * EVENT_STRIDE;
        if (count > 0) onRun(this.view, from, count, EVENT_STRIDE);
        return position >= end;
      },
      releaseTo: (to) => {
        this.released = Math.max(this.released, to);
        position = Math.max(position, to);
      },
      wait: () => Promise.resolve(true),
      [Symbol.dispose]: () => undefined,
    };
  }
}

/** A reader of the ring, and what it was handed. */
class Reading {
  readonly ring: HeldRing;
  readonly waiting: WaitingRecords;
  readonly perCpu = [0, 0];
  readonly handed: number[] = [];

  constructor(ring: LastingRing, start?: RingPosition) {
    this.ring = new HeldRing(ring.reader(), 2, start);
    this.waiting = new WaitingRecords(this.ring);
  }

  read(limit: number): void {
    this.ring.mark()(
      (view, offset, count, stride) => this.waiting.add(view, offset, count, stride, this.perCpu),
      limit,
    );
  }

  take(limit: number): void {
    this.waiting.takeInto(
      {
        events: ({ view }, offset, count) => {
          for (let index = 0; index < count; index++)
            this.handed.push(
              Number(view.getBigUint64(offset + index * EVENT_STRIDE + offsetsTcpEvent.timeNs, true)),
            );
        },
        record: () => undefined,
      },
      limit,
    );
  }

  position(): RingPosition {
    return this.ring.position(this.waiting.isEmpty);
  }
}

const random = (below: number) => Math.floor(Math.random() * below);

describe('a held ring', () => {
  it('hands each event out once, over any number of readers that end at any moment', () => {
    for (let round = 0; round < 300; round++) {
      const ring = new LastingRing();
      const kept: number[] = [];
      const made: TimedEvent[] = [];
      let now = 1_000;
      let reading = new Reading(ring);
      let position: RingPosition | undefined;
      for (let step = 0; step < 60; step++) {
        for (let count = random(6); count > 0; count--) {
          now += random(3);
          // Stamped after it was reserved: neighbours may be out of order, or of one time.
          made.push(ring.add(now + random(4), random(2)));
        }
        reading.read(1 + random(8));
        if (Math.random() < 0.7) {
          // All that is there was stamped by now.
          now += 4;
          reading.read(4096);
          reading.waiting.release(now);
        }
        reading.take(random(6));
        if (Math.random() < 0.4) {
          position = reading.position();
          kept.push(...reading.handed.splice(0));
          if (Math.random() < 0.7) reading.ring.commit(position);
        }
        if (position !== undefined && Math.random() < 0.2) reading = new Reading(ring, position);
      }
      reading.read(4096);
      reading.waiting.release(Number.POSITIVE_INFINITY);
      reading.take(4096);
      kept.push(...reading.handed);
      const inOrder = made.map(({ time }) => time).sort((a, b) => a - b);
      assert.deepEqual(kept, inOrder, `round ${round}`);
      const counted = [0, 1].map((cpu) => reading.perCpu[cpu]! + reading.ring.skipped[cpu]!);
      assert.deepEqual(
        counted,
        [0, 1].map((cpu) => made.filter((event) => event.cpu === cpu).length),
      );
    }
  });

  it('gives room back for what is committed only', () => {
    const ring = new LastingRing();
    const reading = new Reading(ring);
    for (let time = 1; time <= 10; time++) ring.add(time, 0);
    reading.read(10);
    reading.waiting.release(10);
    reading.take(10);
    reading.ring.release();
    assert.equal(ring.released, 0);
    reading.ring.commit(reading.position());
    assert.equal(ring.released, ring.end);
    assert.ok(sizeofTcpEvent <= EVENT_STRIDE);
  });

  it('refuses to begin before events that are gone', () => {
    const ring = new LastingRing();
    ring.add(1, 0);
    ring.released = ring.end;
    assert.throws(() => new Reading(ring, { ring: 0, read: [], untilNs: 0, atUntil: 0 }), EbpfError);
  });
});
