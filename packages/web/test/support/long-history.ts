/** A history of very many connections, each of whose figures follows from its number. */
import { HistoryStore } from '@weir/history';
import type { EndRow } from '@weir/history/schema';

/** What to make. */
export interface LongHistory {
  readonly count: number;
  /** Nanoseconds since 1970. */
  readonly from: bigint;
  /** Nanoseconds from one connection to the next. */
  readonly stepNs: bigint;
}

const BATCH = 20_000;
const processes = ['nginx', 'curl', 'postgres', 'node', 'redis-server', 'sshd', 'evil\u202egnp<b>'];

/** When a connection ended, nanoseconds since 1970. */
export function endedAt({ from, stepNs }: LongHistory, index: number): bigint {
  return from + stepNs * BigInt(index);
}

/** Makes it. */
export async function fillHistory(folder: string, plan: LongHistory): Promise<void> {
  const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
  try {
    for (let first = 0; first < plan.count; first += BATCH) {
      const count = Math.min(BATCH, plan.count - first);
      const ends = Array.from({ length: count }, (_, at) => endRow(plan, first + at));
      const number = first / BATCH + 1;
      await store.append({
        ...{ host_id: 7n, epoch: 'e'.repeat(32), number, started: plan.from, monotonic_ns: number },
        ...{ time: endedAt(plan, first + count), goodbye: first + count === plan.count, ends },
        ...(first === 0 && {
          hosts: [{ host_id: 7n, time: plan.from, name: 'long', boot_id: '0', machine_id: '0' }],
        }),
      });
    }
    await store.maintain();
  } finally {
    await store.close();
  }
}

function endRow(plan: LongHistory, index: number): EndRow {
  const isFailed = index % 100 === 0;
  return {
    ...{
      host_id: 7n,
      time: endedAt(plan, index),
      monotonic_ns: index,
      flow_ns: BigInt(index + 1),
      flow_cpu: 0,
    },
    ...{ transport: 'tcp', family: 'ipv4', netns: 1, direction: 'outbound', interval_rows: 0 },
    ...{ local_address: '10.0.0.1', local_port: 40_000 },
    ...{ peer_address: `10.0.${index % 4}.${index % 30}`, peer_port: 443 },
    ...{ pid: 1000 + (index % 7), comm: processes[index % 7]! },
    ...(isFailed
      ? { event: 'fail', error: 'ECONNREFUSED' }
      : { event: 'close', closed_by: 'local', bytes_sent: index, bytes_received: 10 }),
    duration_us: 1000,
  };
}
