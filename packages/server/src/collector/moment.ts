/** A moment on both clocks. */
export interface Moment {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly monotonicNs: number;
}
