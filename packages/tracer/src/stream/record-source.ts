import type { OtherRecord } from '../records/record.js';

/** Makes records that do not come through the ring. */
export interface RecordSource {
  /**
   * Called each time the ring was read; returns the records that are due.
   *
   * @param nowNs The time of all records it returns: CLOCK_MONOTONIC, nanoseconds. All earlier events have been released.
   * @param last The programs are detached, and this is the last call.
   */
  records(nowNs: number, last: boolean): readonly OtherRecord[];
}
