/** Takes events out of the ring. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs } from '@weir/ebpf/sys';
import type { EventRing, OnEvents } from './event-ring.js';
import type { Losses } from './losses.js';
import type { WaitingRecords } from './waiting-records.js';

/** Events read from the ring before other work of this thread gets its turn. */
const CHUNK = 8192;
/** Maximum wait for programs that were running when they were detached. */
const LAST_RECORDS_NS = 1_000_000_000n;

export class EventIntake {
  readonly #ring: EventRing;
  readonly #losses: Losses;
  readonly #accept: OnEvents;
  /** Events taken out of the ring. */
  #read = 0;
  #stopped = false;

  constructor(ring: EventRing, losses: Losses, waiting: WaitingRecords) {
    this.#ring = ring;
    this.#losses = losses;
    this.#accept = (view, offset, count, stride) => {
      this.#read += count;
      waiting.add(view, offset, count, stride, losses.ring.read);
    };
  }

  /** Ends a reading under way: the ring is about to go. */
  stop(): void {
    this.#stopped = true;
  }

  /** Reads up to where the ring ends now. False if an event before that was still being written. */
  async read(): Promise<boolean> {
    const readToMark = this.#ring.mark();
    for (;;) {
      const before = this.#read;
      if (readToMark(this.#accept, CHUNK)) return true;
      if (this.#read - before < CHUNK) return false;
      await nextTurn();
      if (this.#stopped) return false;
    }
  }

  /**
   * Reads all events that the programs produced. They are detached, but one may still be running on another CPU: their
   * counts show whether all events have arrived.
   */
  async readToTheEnd(): Promise<boolean> {
    const patience = monotonicNs() + LAST_RECORDS_NS;
    for (;;) {
      const complete = await this.read();
      if (this.#stopped) return false;
      const { perCpu } = this.#losses.kernelCounts();
      const produced = perCpu.reduce((sum, own) => sum + own.produced, 0);
      const awaited = produced - this.#losses.ring.lost(perCpu);
      if ((complete && this.#losses.ring.allRead >= awaited) || monotonicNs() > patience) return complete;
      await sleep(1);
    }
  }
}
