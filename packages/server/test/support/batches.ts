/** Batches to test with. */
import type { Batch, EndRow } from '@weir/history/schema';
import type { BatchContent, Epoch } from '../../src/spool/batch-sender.js';
import { decodeBatch } from '../../src/wire/decode-batch.js';
import { addRows, BatchEncoder } from '../../src/wire/encode-batch.js';

export const epoch: Epoch = {
  host_id: 0xfedc_ba98_7654_3210n,
  epoch: '0123456789abcdef0123456789abcdef',
  started: 1_790_000_000_000_000_000n,
};

/** A time some seconds after the epoch began. */
export function at(seconds: number): bigint {
  return epoch.started + BigInt(Math.round(seconds * 1e9));
}

/** A closed connection; `i` distinguishes it. */
export function endRow(i: number, more: Partial<EndRow> = {}): EndRow {
  return {
    host_id: epoch.host_id,
    time: at(i / 1000),
    monotonic_ns: 1_000_000_000 + i,
    flow_ns: 900_000_000n + BigInt(i),
    flow_cpu: i % 4,
    transport: 'tcp',
    family: 'ipv4',
    local_address: '10.0.0.1',
    local_port: 40_000 + (i % 20_000),
    peer_address: `10.0.${i % 256}.7`,
    peer_port: 443,
    event: 'close',
    bytes_sent: 500 + i,
    bytes_received: 2 ** 40 + i,
    closed_by: 'local',
    interval_rows: 0,
    ...more,
  };
}

/** A batch with closed connections. */
export function batchOf(number: number, ends: readonly EndRow[], more: Partial<Batch> = {}): Batch {
  return {
    ...epoch,
    number,
    time: at(number),
    monotonic_ns: number * 1e9,
    goodbye: false,
    ...(ends.length > 0 && { ends }),
    ...more,
  };
}

/** Content for a sender. */
export function contentOf(seconds: number, ends: readonly EndRow[]) {
  return { time: at(seconds), monotonic_ns: seconds * 1e9, ends };
}

/** What a collector hands over, as a server reads it. */
export function batchOfContent({ laidOut = new BatchEncoder(), ...content }: BatchContent): Batch {
  const row = { ...batchOf(1, []), ...content, goodbye: content.goodbye ?? false };
  addRows(laidOut, row);
  return decodeBatch(laidOut.finish(row));
}
