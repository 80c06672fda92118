/** Time that passes when a test says so. */
import type { Clock } from '../../src/health/clock.js';

export class FakeClock implements Clock {
  #now = 0;
  #calls = new Map<number, { readonly time: number; readonly call: () => void }>();
  #count = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const id = this.#count++;
    this.#calls.set(id, { time: this.#now + ms, call });
    return () => this.#calls.delete(id);
  }

  /** Lets milliseconds pass, with all that is due meanwhile, and all that follows from it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#due(end);
      if (due.length === 0) break;
      for (const [id, { time, call }] of due) {
        if (!this.#calls.delete(id)) continue;
        this.#now = Math.max(this.#now, time);
        call();
        // Promises that are settled go on before the next moment.
        for (let i = 0; i < 4; i++) await undefined;
      }
    }
    this.#now = end;
  }

  /** Lets time pass in which nothing runs, as when a machine sleeps. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  /** The next few calls, in order; what they bring about may come between the later ones. */
  #due(end: number) {
    const due = [...this.#calls].filter(([, { time }]) => time <= end);
    due.sort(([a, x], [b, y]) => x.time - y.time || a - b);
    const soon = (due[0]?.[1].time ?? 0) + 1;
    return due.filter(([, { time }]) => time <= soon);
  }
}
