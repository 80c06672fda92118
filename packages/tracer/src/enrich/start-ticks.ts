/**
 * Compares the moment at which a process began, which /proc shows in clock ticks after boot, with the moment of an event,
 * which the kernel's programs give on a clock that stands still while the host is suspended.
 */
import { monotonicNs, suspendedNs } from '@weir/ebpf/sys';

/** USER_HZ is 100 on x86 and arm64. */
const TICK_NS = 10_000_000;
/** Shortest interval between two looks at the clocks. */
const LOOK_MS = 100;

interface Span {
  readonly sinceNs: number;
  readonly suspendedNs: number;
}

/** Clock ticks after boot of moments on CLOCK_MONOTONIC. */
export class StartTicks {
  readonly #suspended: () => number;
  readonly #now: () => number;
  /** Ascending. A suspension is noticed only after it: moments between the last look before it and its end are placed too early. */
  readonly #spans: Span[];
  #lookedAt: number;

  /**
   * Reads both clocks now.
   *
   * @param suspended Nanoseconds for which the host was suspended so far.
   * @param now CLOCK_MONOTONIC, nanoseconds.
   */
  constructor(
    suspended: () => number = () => Number(suspendedNs()),
    now: () => number = () => Number(monotonicNs()),
  ) {
    this.#suspended = suspended;
    this.#now = now;
    this.#spans = [{ sinceNs: Number.NEGATIVE_INFINITY, suspendedNs: suspended() }];
    this.#lookedAt = now();
  }

  /** The tick in which a moment lies. A process that began in a later one did not exist at that moment. */
  at(monotonicNs: number): number {
    const nowNs = this.#now();
    if (nowNs - this.#lookedAt >= LOOK_MS * 1e6) {
      this.#lookedAt = nowNs;
      const suspendedNow = this.#suspended();
      if (suspendedNow - this.#spans.at(-1)!.suspendedNs >= TICK_NS) {
        this.#spans.push({ sinceNs: nowNs, suspendedNs: suspendedNow });
      }
    }
    const span = this.#spans.findLast(({ sinceNs }) => sinceNs <= monotonicNs)!;
    return Math.floor((monotonicNs + span.suspendedNs) / TICK_NS);
  }
}
