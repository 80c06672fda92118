/**
 * Measures the cost of many live connections (the first refresh, further ones, memory) on this machine's own kernel:
 *
 *     node --expose-gc bench/dist/src/many-bench.js [--connections N] [--rounds N] [--json]
 *
 * Needs root. The connections are made over loopback in a network namespace of its own, so both ends of each are on this
 * host: the table has twice as many. Ends with status 1 unless all are there, with process and bytes, and all go again.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { release as kernelRelease } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildLoad } from '@weir/lab';
import { type LiveConnections, Tracer } from '@weir/tracer';
import { Holder } from './holder.js';
import { median, range } from './statistics.js';

/** Connections of one load, whose two processes have a descriptor for each. */
const perLoad = 16_000;
const [sent, replied] = [77, 1234];

/** More than by default, where the rest is counted as lost. */
const maxConnections = 262_144;

interface Refresh {
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
}

interface Result {
  readonly release: string;
  readonly sockets: number;
  readonly first: Refresh;
  readonly refreshes: readonly Refresh[];
  /** Without connections, with all, and after they have closed. */
  readonly residentBytes: readonly [number, number, number];
  readonly heapBytes: readonly [number, number, number];
}

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const connections = Number(values.connections);
const rounds = Number(values.rounds);

function expect(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}

async function refresh(live: LiveConnections): Promise<Refresh> {
  const started = performance.now();
  const before = process.cpuUsage();
  await live.refresh();
  const { user, system } = process.cpuUsage(before);
  return { milliseconds: performance.now() - started, cpuMilliseconds: (user + system) / 1000 };
}

function memory(): { readonly resident: number; readonly heap: number } {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { resident: rss, heap: heapUsed };
}

/** A tracer with a table, once to see what these take alone, once over all connections. */
async function measure(netns: string, loads: readonly Holder[]): Promise<Result> {
  const filter = { netns: [statSync(`/run/netns/${netns}`).ino] };
  await using tracer = Tracer.start({ filter, maxConnections });
  using live = tracer.connections();
  // The namespace's connections are not made yet.
  await refresh(live);
  const without = memory();
  for (const load of loads) await load.open();
  const first = await refresh(live);
  const refreshes: Refresh[] = [];
  for (let round = 0; round < rounds; round++) {
    await sleep(200);
    refreshes.push(await refresh(live));
  }
  const all = [...(live.views ?? live)];
  const sockets = all.length;
  expect(sockets === 2 * connections, `${sockets} ends are in the table, of ${2 * connections}`);
  expect(
    all.every(
      ({ process, bytes_sent, bytes_received }) => process && bytes_sent + bytes_received === sent + replied,
    ),
    'a connection has no process, or not its bytes',
  );
  all.length = 0;
  const during = memory();
  for (const load of loads) await load.close();
  // A connection whose end has no record is counted as vanished ten seconds later.
  for (const deadline = Date.now() + 15_000; live.totals.ended < sockets; await sleep(100)) {
    expect(Date.now() < deadline, `${live.totals.ended} of ${sockets} ends were reported`);
    await refresh(live);
  }
  // Ends are remembered until the second refresh after them.
  for (let round = 0; round < 2; round++) await refresh(live);
  live.takeEnded();
  expect(live.size === 0, `${live.size} ends stay in the table`);
  const { lost, totals } = live;
  expect(
    Object.values(lost).every((count) => count === 0),
    `lost: ${JSON.stringify(lost)}`,
  );
  expect(totals.ended === sockets && totals.vanished === 0, `ended: ${JSON.stringify(totals)}`);
  const afterwards = memory();
  return {
    release: kernelRelease(),
    sockets,
    first,
    refreshes,
    residentBytes: [without.resident, during.resident, afterwards.resident],
    heapBytes: [without.heap, during.heap, afterwards.heap],
  };
}

/** The first refresh where the connections are older than the tracer. */
async function firstOfOlder(netns: string, loads: readonly Holder[]): Promise<Refresh> {
  for (const load of loads) await load.open();
  const filter = { netns: [statSync(`/run/netns/${netns}`).ino] };
  await using tracer = Tracer.start({ filter, maxConnections });
  using live = tracer.connections();
  const first = await refresh(live);
  const owned = [...(live.views ?? live)].filter(({ process }) => process !== undefined).length;
  expect(owned === 2 * connections, `${owned} of ${2 * connections} older ends are there with a process`);
  for (const load of loads) await load.close();
  return first;
}

function table({ first, refreshes, residentBytes, heapBytes }: Result, older: Refresh): string {
  const spread = (name: string, samples: readonly number[]) => {
    const [least, most] = range(samples);
    return `| ${name} | ${[median(samples), least, most].map((sample) => sample.toFixed(0)).join(' | ')} |\n`;
  };
  const megabytes = (bytes: readonly number[]) => bytes.map((value) => (value / 1e6).toFixed(0)).join(' | ');
  return (
    '| refresh | median | least | most |\n| --- | --- | --- | --- |\n' +
    spread(
      'ms',
      refreshes.map(({ milliseconds }) => milliseconds),
    ) +
    spread(
      'CPU ms',
      refreshes.map(({ cpuMilliseconds }) => cpuMilliseconds),
    ) +
    spread('CPU ms of the first', [first.cpuMilliseconds]) +
    spread('CPU ms of the first, where all are older than the tracer', [older.cpuMilliseconds]) +
    '\n| MB | without | with | after closing |\n| --- | --- | --- | --- |\n' +
    `| resident | ${megabytes(residentBytes)} |\n| JavaScript heap | ${megabytes(heapBytes)} |\n`
  );
}

const { paths } = await buildLoad();
const netns = `weir-many-${process.pid}`;
execFileSync('ip', ['netns', 'add', netns]);
const holders: Holder[] = [];
try {
  execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  const prepare = () => {
    const loads: Holder[] = [];
    for (let left = connections; left > 0; left -= perLoad) {
      loads.push(new Holder(paths['weir-load']!, netns, Math.min(left, perLoad), sent, replied));
    }
    holders.push(...loads);
    return loads;
  };
  const result = await measure(netns, prepare());
  const older = await firstOfOlder(netns, prepare());
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ ...result, older })}\n`
      : `${result.sockets} ends, Linux ${result.release}\n\n${table(result, older)}`,
  );
} finally {
  for (const holder of holders) holder.kill();
  execFileSync('ip', ['netns', 'del', netns]);
}
