/** Goes through the time of a history: where it is, where it is to be, and what is asked ahead. */
import type { RecordedMoment } from './past-frame.js';
import type { Timeline } from './timeline.js';

export interface TravellerOptions {
  readonly show: (moment: RecordedMoment) => void;
  /** What went wrong while nobody waited for it. */
  readonly fail: (error: unknown) => void;
}

const MS = 1_000_000n;
/** Moments that are asked ahead while it plays, and when it is stepped by hand. */
const AHEAD = { play: 60, step: 2 };

export class Traveller {
  readonly #timeline: Timeline;
  readonly #options: TravellerOptions;
  #shown: RecordedMoment;
  /** Nanoseconds since 1970. */
  #target: bigint;
  #isGoing = false;
  /** The moments that may be wanted next. */
  #ahead: readonly bigint[] = [];
  #isLooking = false;

  constructor(timeline: Timeline, first: RecordedMoment, options: TravellerOptions) {
    this.#timeline = timeline;
    this.#options = options;
    this.#shown = first;
    this.#target = first.at;
  }

  /** Nothing is recorded behind what is shown. */
  get isAtEnd(): boolean {
    return this.#shown.edge === 'last';
  }

  /** Goes back or on. Steps that are faster than the history answers add up. @param ms Milliseconds; negative: back. */
  step(ms: number): void {
    this.#go(ms, AHEAD.step);
  }

  /** Goes on, unless the history has yet to answer. */
  play(ms: number): void {
    if (!this.#isGoing) this.#go(ms, AHEAD.play);
  }

  #go(ms: number, ahead: number): void {
    const { edge, at } = this.#shown;
    if (edge === 'first' && ms < 0 && this.#target === at) return;
    const step = BigInt(Math.round(ms)) * MS;
    this.#target += step;
    const target = this.#target;
    this.#ahead = Array.from({ length: ahead }, (_, index) => target + step * BigInt(index + 1));
    this.#arrive().catch(this.#options.fail);
  }

  async #arrive(): Promise<void> {
    if (this.#isGoing) return;
    this.#isGoing = true;
    try {
      while (this.#shown.at !== this.#target) {
        const wanted = this.#target;
        const moment = await this.#timeline.nearest(wanted);
        if (moment === undefined) break;
        // It stops at the ends of what is recorded.
        if (moment.at !== wanted && this.#target === wanted) this.#target = moment.at;
        this.#shown = moment;
        this.#options.show(moment);
        if (moment.edge !== undefined && this.#target === moment.at) break;
      }
    } finally {
      this.#isGoing = false;
    }
    await this.#lookAhead();
  }

  /** One moment at a time, while nothing else is asked. */
  async #lookAhead(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (;;) {
        const next = this.#ahead.find((at) => this.#timeline.wants(at));
        if (next === undefined || this.#isGoing) return;
        await this.#timeline.nearest(next);
      }
    } finally {
      this.#isLooking = false;
    }
  }
}
