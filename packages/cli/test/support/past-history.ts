/** A small history for `weir top --at`: five minutes, with a look each, of connections whose traffic is known. */
import { HistoryStore } from '@weir/history';
import type { EndRow, IntervalRow, LossRow, OpenRow } from '@weir/history/schema';

export const SECOND = 1_000_000_000n;
/** 2025-11-24T15:00:00Z. */
export const START = 1_763_996_400n * SECOND;
export const at = (seconds: number): bigint => START + BigInt(seconds) * SECOND;
/** RFC 3339, as `--at` takes it. */
export const timeAt = (seconds: number): string =>
  new Date(Number(at(seconds) / 1_000_000n)).toISOString().replace('.000', '');

/** A name that a process may give itself, and that a terminal would act on. */
export const HOSTILE = '\u001b[2Jx';

interface Parts {
  readonly comm?: string;
  readonly pid?: number;
  readonly peer?: string;
  readonly transport?: 'tcp' | 'udp';
}

function connection(flow: number, seconds: number, parts: Parts = {}) {
  const { comm = 'curl', pid = 100 + flow, peer = '192.0.2.1', transport = 'tcp' } = parts;
  return {
    ...{ host_id: 7n, time: at(seconds), monotonic_ns: seconds, flow_ns: BigInt(flow), flow_cpu: 0 },
    ...{
      transport,
      family: 'ipv4',
      netns: 4_026_531_840,
      local_address: '10.0.0.1',
      local_port: 40_000 + flow,
    },
    ...{ peer_address: peer, peer_port: 443, service: 'https', direction: 'outbound' },
    ...{ pid, comm, uid: 0, executable: `/usr/bin/${comm}`, unit: 'web.service' },
  };
}

const opened = (flow: number, seconds: number, bytes: number, parts?: Parts): OpenRow => ({
  ...connection(flow, seconds, parts),
  ...{ bytes_sent: bytes, bytes_received: 0, segments_sent: 1, segments_received: 1, retransmits: 0 },
  state: 'established',
});

const moved = (flow: number, to: number, bytes: number, parts?: Parts): IntervalRow => ({
  ...connection(flow, to, parts),
  ...{ span_us: 60e6, bytes_sent: bytes, bytes_received: 2 * bytes, segments_sent: 6, segments_received: 6 },
});

const ended = (flow: number, seconds: number, duration: number, parts?: Parts): EndRow => ({
  ...connection(flow, seconds, parts),
  ...{ event: 'close', duration_us: duration * 1e6, bytes_sent: 100 * duration, bytes_received: 0 },
  ...{ retransmits: 0, interval_rows: 0 },
});

/** Busy all the time, 10 B/s and then 100 B/s. */
export const BUSY = 1;
/** Moves nothing. */
export const IDLE = 2;
/** Open from 70 s to 80 s. */
export const SHORT = 3;

const IDLE_PARTS: Parts = { comm: HOSTILE, peer: '192.0.2.2' };
const SHORT_PARTS: Parts = { comm: 'wget', peer: '198.51.100.7', transport: 'udp' };

const loss: LossRow = { host_id: 7n, since: at(170), time: at(175), count: 17, place: 'ring' };

/** Makes it in a folder. */
export async function makePast(folder: string): Promise<void> {
  const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
  const looks = [
    { opens: [opened(BUSY, 0, 1000), opened(IDLE, 0, 50, IDLE_PARTS)] },
    { intervals: [moved(BUSY, 60, 600)] },
    { intervals: [moved(BUSY, 120, 6000)], ends: [ended(SHORT, 80, 10, SHORT_PARTS)] },
    { intervals: [moved(BUSY, 180, 600)], losses: [loss] },
    { intervals: [moved(BUSY, 240, 600)] },
  ];
  for (const [index, rows] of looks.entries())
    await store.append({
      ...{ host_id: 7n, epoch: 'e'.repeat(32), number: index + 1, started: START, time: at(60 * index) },
      ...{ monotonic_ns: index, goodbye: false, sweep: index === 0 ? 'full' : 'changes', ...rows },
    });
  // It went on for half a minute without a look.
  await store.append({
    ...{ host_id: 7n, epoch: 'e'.repeat(32), number: 6, started: START, time: at(270) },
    ...{ monotonic_ns: 6, goodbye: true },
  });
  await store.close();
}
