/** The times of checks: each repeats at its interval, and all are spread evenly. */
import { type Clock, realClock } from './clock.js';

export interface ScheduleOptions {
  readonly clock?: Clock;
  /** Returns random numbers from 0 to 1. */
  readonly random?: () => number;
  /** The most checks that run at a time; others wait. Default 1000. */
  readonly maxRunning?: number;
}

/** Time within which every check runs for the first time. */
const firstWithinMs = 1000;
/** Random part of an interval, which separates checks that coincide. */
const jitter = 0.1;

interface Entry {
  readonly intervalMs: number;
  readonly run: () => Promise<void>;
  started: boolean;
  removed: boolean;
  cancelTimer: () => void;
}

/**
 * Runs functions repeatedly: first soon after they are added, then at a random moment of the interval, then at every
 * interval, so that functions which are added together do not stay together. A run that is late by more than an interval
 * (the machine slept, or the process was stopped) moves to a random moment again.
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

  /** Number of runs that are due and wait for others to end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Adds a function. @returns A function that removes it; a run in progress goes on. */
  add(intervalMs: number, run: () => Promise<void>): () => void {
    const entry: Entry = { intervalMs, run, started: false, removed: false, cancelTimer: () => {} };
    this.#entries.add(entry);
    this.#plan(entry, this.#random() * Math.min(firstWithinMs, intervalMs));
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
    return started ? intervalMs * (1 + jitter * (2 * random - 1)) : intervalMs * random;
  }

  #runWaiting(): void {
    for (const entry of this.#waiting) {
      if (this.#running >= this.#maxRunning) return;
      this.#waiting.delete(entry);
      void this.#run(entry);
    }
  }
}
