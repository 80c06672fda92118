/** When checks are made: each at its interval, all of them spread evenly. */
import { type Clock, realClock } from './clock.js';

export interface ScheduleOptions {
  readonly clock?: Clock;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** Checks that run at a time; further ones wait for their turn. Default 1000. */
  readonly maxRunning?: number;
}

/** The first checks are made within this time. */
const FIRST_MS = 1000;
/** How far an interval may be off, so that checks that have met part again. */
const JITTER = 0.1;

interface Entry {
  readonly intervalMs: number;
  readonly run: () => Promise<void>;
  started: boolean;
  removed: boolean;
  cancelTimer: () => void;
}

/**
 * Runs things again and again. The first time is soon, the second at a random moment of the interval, further ones an
 * interval apart: so many that were added together do not stay together. What was kept from running for longer than an
 * interval (the machine slept, or the process was stopped) begins at a random moment again.
 */
export class Schedule implements Disposable {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #maxRunning: number;
  readonly #entries = new Set<Entry>();
  readonly #waiting = new Set<Entry>();
  #running = 0;

  constructor({ clock = realClock, random = Math.random, maxRunning = 1000 }: ScheduleOptions = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#maxRunning = maxRunning;
  }

  /** What is due and waits for others to end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @returns ends it; a run that is under way goes on. */
  add(intervalMs: number, run: () => Promise<void>): () => void {
    const entry: Entry = { intervalMs, run, started: false, removed: false, cancelTimer: () => {} };
    this.#entries.add(entry);
    this.#plan(entry, this.#random() * Math.min(FIRST_MS, intervalMs));
    return () => this.#remove(entry);
  }

  [Symbol.dispose](): void {
    for (const entry of this.#entries) this.#remove(entry);
  }

  #remove(entry: Entry): void {
    entry.removed = true;
    entry.cancelTimer();
    this.#entries.delete(entry);
    this.#waiting.delete(entry);
  }

  #plan(entry: Entry, delay: number): void {
    const due = this.#clock.now() + delay;
    entry.cancelTimer = this.#clock.after(delay, () => {
      const isLate = this.#clock.now() - due > entry.intervalMs;
      if (isLate) this.#plan(entry, this.#random() * entry.intervalMs);
      else if (this.#running < this.#maxRunning) void this.#run(entry);
      else this.#waiting.add(entry);
    });
  }

  async #run(entry: Entry): Promise<void> {
    const start = this.#clock.now();
    this.#running++;
    try {
      await entry.run();
    } finally {
      this.#running--;
      const next = start + this.#gap(entry);
      entry.started = true;
      if (!entry.removed) this.#plan(entry, Math.max(0, next - this.#clock.now()));
      this.#runWaiting();
    }
  }

  #gap({ started, intervalMs }: Entry): number {
    const random = this.#random();
    return started ? intervalMs * (1 + JITTER * (2 * random - 1)) : intervalMs * random;
  }

  #runWaiting(): void {
    for (const entry of this.#waiting) {
      if (this.#running >= this.#maxRunning) return;
      this.#waiting.delete(entry);
      void this.#run(entry);
    }
  }
}
