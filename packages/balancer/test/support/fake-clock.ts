/** A clock whose time a test advances. */
import type { Clock } from '../../src/health/clock.js';

interface Call {
  readonly time: number;
  readonly call: () => void;
  cancelled: boolean;
}

export class FakeClock implements Clock {
  #now = 0;
  /** Calls by the whole millisecond in which they are due. */
  readonly #calls = new Map<number, Call[]>();

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const due: Call = { time: this.#now + ms, call, cancelled: false };
    const slot = Math.floor(due.time);
    const others = this.#calls.get(slot);
    if (others === undefined) this.#calls.set(slot, [due]);
    else others.push(due);
    return () => {
      due.cancelled = true;
    };
  }

  /** Lets a whole number of milliseconds pass, and runs all calls that become due. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    const late = [...this.#calls.keys()].filter((slot) => slot < this.#now).sort((a, b) => a - b);
    for (const slot of late) await this.#run(slot);
    for (let slot = Math.floor(this.#now); slot < end; slot++) await this.#run(slot);
    this.#now = end;
  }

  /** Lets time pass in which nothing runs, as when a machine sleeps. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  async #run(slot: number): Promise<void> {
    for (let calls = this.#calls.get(slot); calls !== undefined; calls = this.#calls.get(slot)) {
      this.#calls.delete(slot);
      for (const { time, call, cancelled } of calls.sort((a, b) => a.time - b.time)) {
        if (cancelled) continue;
        this.#now = Math.max(this.#now, time);
        call();
        // Continuations of promises run before the next moment.
        for (let i = 0; i < 4; i++) await undefined;
      }
    }
  }
}
