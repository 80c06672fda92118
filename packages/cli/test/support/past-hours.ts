/** A history of the last hours, the newest of which is complete. */
import { HistoryStore } from '@weir/history';
import type { EndRow } from '@weir/history/schema';

const MINUTE_NS = 60_000_000_000n;
/** Hours with rows, the newest of which began an hour and a half ago, so that it is no longer the hour of now. */
export const HOURS = 8;
/** Ends of connections in each, of the process `past`. */
export const ROWS = 3_000;
const NEWEST = ((BigInt(Date.now()) * 1_000_000n) / MINUTE_NS) * MINUTE_NS - 90n * MINUTE_NS;

const timeOf = (hour: number) => NEWEST - BigInt(hour) * 60n * MINUTE_NS;

/** @param hour How many before the newest. */
function row(hour: number, index: number): EndRow {
  const flow = hour * ROWS + index;
  return {
    ...{ host_id: 7n, time: timeOf(hour) + BigInt(index), monotonic_ns: flow },
    ...{ flow_ns: BigInt(flow), flow_cpu: 0, transport: 'tcp', family: 'ipv4' },
    ...{ local_address: '10.0.0.1', local_port: 1, peer_address: '10.0.0.2', peer_port: 2 },
    ...{ comm: 'past', event: 'close', bytes_sent: flow, interval_rows: 0 },
  };
}

/** Makes it in a folder. @param areSegments Whether its hours are copied to segments already. */
export async function makePastHours(folder: string, areSegments = true): Promise<void> {
  const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
  for (let hour = HOURS - 1; hour >= 0; hour--)
    await store.append({
      ...{ host_id: 7n, epoch: 'e'.repeat(32), number: HOURS - hour, started: timeOf(HOURS) },
      ...{ time: timeOf(hour) + MINUTE_NS, monotonic_ns: 1, goodbye: false },
      ends: Array.from({ length: ROWS }, (_, index) => row(hour, index)),
    });
  const now = NEWEST + 85n * MINUTE_NS;
  await store.append({
    ...{ host_id: 7n, epoch: 'e'.repeat(32), number: HOURS + 1, started: timeOf(HOURS) },
    ...{ time: now, monotonic_ns: 1, goodbye: true },
  });
  if (areSegments) await store.maintain();
  await store.close();
}
