/** The wall clock, followed at once when it is set or when the machine resumes, and slowly when it drifts. */
import { ClockChanges, monotonicNs, realtimeOffsetNs, suspendedNs, type WaitOptions } from '@weir/ebpf/sys';
import { WallClock } from './clock.js';

/** The interval at which a drifting clock is read anew. */
const DRIFT_NS = 10_000_000_000;
/**
 * The kernel reports that the clock was set, but not when. A thread that waits is awake within this time; where it was
 * busy, nothing better is known.
 */
const WAKE_NS = 1_000_000;
/** A machine that was suspended was so for longer. */
const LEAST_SUSPEND_NS = 1_000_000n;

/** What the system says of its clocks. */
export interface ClockSource extends Disposable {
  /** Whether the wall clock was set, or the machine suspended, since the last call. */
  happened(): boolean;
  /** Ends when that happens. */
  wait(options: WaitOptions): Promise<unknown>;
  /** The time since 1970 less that of the monotonic clock, nanoseconds. */
  offsetNs(): bigint;
  /** The time that the machine was suspended since it booted, nanoseconds. */
  suspendedNs(): bigint;
  /** CLOCK_MONOTONIC, nanoseconds. */
  nowNs(): number;
}

function systemClocks(): ClockSource {
  const changes = new ClockChanges();
  return {
    happened: () => changes.happened(),
    wait: (options) => changes.wait(options),
    offsetNs: realtimeOffsetNs,
    suspendedNs,
    nowNs: () => Number(monotonicNs()),
    [Symbol.dispose]: () => changes[Symbol.dispose](),
  };
}

export class FollowedClock implements Disposable {
  readonly wall: WallClock;
  readonly #source: ClockSource;
  /** The last moment at which the offset was known to be the one in use. */
  #checkedNs: number;
  #readNs: number;
  #suspendedNs: bigint;

  constructor(source: ClockSource = systemClocks()) {
    this.#source = source;
    this.#checkedNs = source.nowNs();
    this.#readNs = this.#checkedNs;
    this.#suspendedNs = source.suspendedNs();
    this.wall = new WallClock(source.offsetNs());
  }

  /** Learns of every change up to this call. Events from before a change keep their time. */
  follow(): void {
    const nowNs = this.#source.nowNs();
    const changed = this.#source.happened();
    if (changed) this.#read(this.#changedAt(nowNs));
    else if (nowNs - this.#readNs >= DRIFT_NS) this.#read(nowNs);
    this.#checkedNs = nowNs;
  }

  /** Follows a change the moment it happens, until the signal aborts: its moment is known the better. */
  async followUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#source.wait({ signal });
      if (!signal.aborted) this.follow();
    }
  }

  /** The moment of a change that was noticed now. */
  #changedAt(nowNs: number): number {
    const suspended = this.#source.suspendedNs();
    const hasResumed = suspended - this.#suspendedNs >= LEAST_SUSPEND_NS;
    this.#suspendedNs = suspended;
    // No process runs while devices are put to sleep and woken, which takes most of the time since the last look. But others may run
    // again before this one does.
    if (hasResumed) return (this.#checkedNs + nowNs) / 2;
    return Math.max(this.#checkedNs, nowNs - WAKE_NS);
  }

  #read(fromNs: number): void {
    this.#readNs = fromNs;
    this.wall.setOffset(this.#source.offsetNs(), fromNs);
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}
