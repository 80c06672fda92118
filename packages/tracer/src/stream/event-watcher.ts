/** Who is shown each event before the reader, in order. */
import type { KernelRecord, OtherRecord } from '../records/record.js';

/** Makes a record of an event. @param offset Of the struct tcp_event in `view`. */
export type DecodeEvent = (view: DataView, offset: number) => KernelRecord;

/** Is shown events as the kernel's bytes, so that only those are decoded of which a record is needed. */
export interface EventWatcher {
  /** The bytes are there during the call only. @param offset Of the struct tcp_event in `view`. */
  event(view: DataView, offset: number, decode: DecodeEvent): void;
  /** A record that is no event. */
  record(record: OtherRecord): void;
}
