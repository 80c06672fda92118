/** Records as JSON lines. Pure. */
import type { ExportedRecord } from '../exported-record.js';
import { type Encoded, packetsOf } from '../packet.js';

/** The lines that `weir query --json` prints, in packets. */
export function jsonLines(records: readonly ExportedRecord[]): Encoded {
  return { packets: packetsOf(records.map(({ json }) => Buffer.from(`${json}\n`))), unfit: 0 };
}
