/** `weir serve` under load: what is lost, what both processes cost, and what a connection takes on disk; tcpdump beside. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { HistoryStore } from '@weir/history';
import { querySql } from '@weir/history/query';
import { buildLoad } from '@weir/lab';
import { childrenOf, processCpuMs, residentMb, treeCpuMs } from './cpu-time.js';
import { historyOf, Netns, WeirServe } from './weir-serve.js';

/** How much is measured. */
export interface ServeRequest {
  readonly seconds: number;
  /** Connections a second. */
  readonly rates: readonly number[];
  readonly onProgress: (text: string) => void;
}

/** A load, and what it cost. Each of its connections has both ends on the host, so two rows. */
export interface ServeSample {
  readonly asked: number;
  readonly connections: number;
  readonly seconds: number;
  /** Rows that were stored. */
  readonly ends: number;
  /** Losses that the history knows, and events in them. */
  readonly losses: number;
  readonly lost: number;
  readonly collectorCpuMs: number;
  readonly serverCpuMs: number;
  readonly collectorMb: number;
  readonly collectorPeakMb: number;
  readonly serverMb: number;
  readonly serverPeakMb: number;
  /** Bytes of the segment of all rows. */
  readonly bytes: number;
  /** The same load with tcpdump instead; absent where it is not installed. */
  readonly tcpdump?: { readonly connections: number; readonly cpuMs: number; readonly bytes: number };
}

/** What happens after the load belongs to it: rows that wait, and the work that they cause. */
const AFTERWARDS_MS = 5000;
/** Its file grows by gigabytes, and what it costs a connection does not change. */
const TCPDUMP_SECONDS = 60;
/** What cannot start has ended by then. */
const STARTED_MS = 300;

/** Needs root. */
export async function benchServe({ seconds, rates, onProgress }: ServeRequest): Promise<ServeSample[]> {
  const { paths } = await buildLoad();
  const load = paths['weir-load']!;
  using netns = new Netns();
  const samples: ServeSample[] = [];
  for (const asked of rates) {
    const folder = mkdtempSync(join(tmpdir(), 'weir-bench-serve-'));
    chmodSync(folder, 0o755);
    try {
      onProgress(`${asked} connections/s: weir serve`);
      const sample = await measureServe(
        join(folder, 'weir'),
        netns,
        () => run(load, netns, asked, seconds),
        asked,
      );
      onProgress(`${asked} connections/s: tcpdump`);
      const tcpdump = await measureTcpdump(join(folder, 'dump.pcap'), netns, () =>
        run(load, netns, asked, Math.min(seconds, TCPDUMP_SECONDS)),
      );
      samples.push({ ...sample, ...(tcpdump !== undefined && { tcpdump }) });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return samples;
}

interface Made {
  readonly connections: number;
  readonly seconds: number;
}

async function run(load: string, netns: Netns, rate: number, seconds: number): Promise<Made> {
  const args = ['churn', '--no-wait', '--seconds', String(seconds), '--timeout', String(2 * seconds + 60)];
  const command = netns.command(
    load,
    ...args,
    '--concurrency',
    '2',
    '--connections-per-second',
    String(rate),
  );
  const child = spawn(...command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (status !== 0) throw new Error('weir-load failed');
  return JSON.parse(output.trim().split('\n').at(-1)!) as Made;
}

async function measureServe(
  folder: string,
  netns: Netns,
  makeLoad: () => Promise<Made>,
  asked: number,
): Promise<ServeSample> {
  let sample: Omit<ServeSample, 'ends' | 'losses' | 'lost' | 'bytes'>;
  {
    await using serve = await WeirServe.start(folder, netns);
    await serve.ready();
    await sleep(AFTERWARDS_MS);
    const [server] = childrenOf(serve.collector) as [number];
    const before = [serve.collector, server].map(processCpuMs);
    const { connections, seconds } = await makeLoad();
    await sleep(AFTERWARDS_MS);
    const [collectorCpuMs, serverCpuMs] = [serve.collector, server].map(
      (pid, index) => processCpuMs(pid) - before[index]!,
    ) as [number, number];
    const [collector, its] = [serve.collector, server].map(residentMb) as [
      ReturnType<typeof residentMb>,
      ReturnType<typeof residentMb>,
    ];
    sample = {
      ...{ asked, connections, seconds, collectorCpuMs, serverCpuMs },
      ...{ collectorMb: collector.now, collectorPeakMb: collector.peak },
      ...{ serverMb: its.now, serverPeakMb: its.peak },
    };
  }
  return { ...sample, ...(await readHistory(historyOf(folder))) };
}

/** What was stored, once it is in segments. */
async function readHistory(folder: string): Promise<Pick<ServeSample, 'ends' | 'losses' | 'lost' | 'bytes'>> {
  const store = await HistoryStore.open({ folder });
  try {
    const [count] = (await querySql(store, { sql: 'SELECT count(*) FROM ends' })).rows as [[unknown]];
    const [losses] = (await querySql(store, { sql: 'SELECT count(*), coalesce(sum(count), 0) FROM losses' }))
      .rows as [[unknown, unknown]];
    const later = store.watermark! + 7_200_000_000_000n;
    const batch = {
      host_id: 1n,
      epoch: 'b'.repeat(32),
      number: 1,
      started: later,
      time: later,
      monotonic_ns: 1,
    };
    await store.append({ ...batch, goodbye: true });
    await store.maintain();
    const segments = join(folder, 'segments');
    const bytes = readdirSync(segments).reduce((sum, name) => sum + statSync(join(segments, name)).size, 0);
    return { ends: Number(count[0]), losses: Number(losses[0]), lost: Number(losses[1]), bytes };
  } finally {
    await store.close();
  }
}

async function measureTcpdump(
  file: string,
  netns: Netns,
  makeLoad: () => Promise<Made>,
): Promise<ServeSample['tcpdump']> {
  const child = spawn(...netns.command('tcpdump', '-i', 'lo', '-Z', 'root', '-w', file), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const started = once(child.stderr, 'data');
  const exit = once(child, 'exit');
  // Where it is not installed, that is said first.
  await Promise.race([started.then(() => sleep(STARTED_MS)), exit]);
  if (child.exitCode !== null) return undefined;
  const { connections } = await makeLoad();
  await sleep(1000);
  const cpuMs = treeCpuMs(child.pid!);
  child.kill('SIGINT');
  await exit;
  return { connections, cpuMs, bytes: statSync(file).size };
}
