/**
 * How much tools that show traffic slow it down: one-byte round trips and bulk transfer over loopback, side by side.
 *
 *     node bench/dist/src/top-bench.js [--native] [--kernel NAME] [--rounds N] [--round-trips N] [--megabytes N] [--json FILE]
 *
 * In a guest of two CPUs, or natively, as root, with those tools that are installed. A round measures the loads alone, then
 * beside each tool, running and stopped: while its process is stopped, only what it has put into the kernel costs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { boot, buildLoad, guestRepository } from '@weir/lab';
import { median, range } from './statistics.js';
import {
  type TopFailure,
  type TopPlan,
  type TopSample,
  topPlanVariable,
  topPrefix,
  watchers,
} from './top-plan.js';

const { values } = parseArgs({
  options: {
    native: { type: 'boolean', default: false },
    kernel: { type: 'string', default: '6.12' },
    rounds: { type: 'string', default: '5' },
    'round-trips': { type: 'string' },
    megabytes: { type: 'string' },
    json: { type: 'string' },
  },
});

function planFor(load: string, loop: string, roundTrips: number, megabytes: number): TopPlan {
  return {
    load,
    tools: watchers(loop),
    rounds: Number(values.rounds),
    roundTrips: Number(values['round-trips'] ?? roundTrips),
    bytes: Number(values.megabytes ?? megabytes) * 1e6,
  };
}

/** libbpf-tools with LLVM's libraries and the capturing tools are root file system, which is memory. */
const memoryMebibytes = 4096;

async function inGuest(load: string): Promise<string> {
  const loop = `${guestRepository}/bench/dist/src/driver/refresh-loop.js`;
  const plan = planFor(`/load/${basename(load)}`, loop, 5_000, 300);
  const { status, output } = await boot({
    kernel: values.kernel,
    smp: 2,
    memory: memoryMebibytes,
    packages: ['libbpf-tools', 'nethogs', 'iftop'],
    files: { '/load': dirname(load) },
    env: { [topPlanVariable]: JSON.stringify(plan), TERM: 'dumb' },
    command: `node ${guestRepository}/bench/dist/src/driver/top.js`,
    timeoutMs: 3_600_000,
    onOutput: (text) => process.stderr.write(text),
  });
  if (status !== 0) throw new Error(`the driver ended with status ${status}`);
  return output;
}

/** Namespaces of its own: the loads meet nobody else's traffic. */
const nativeShell = 'ip link set lo up; mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"';

async function natively(load: string): Promise<string> {
  const path = (name: string) => fileURLToPath(new URL(`driver/${name}.js`, import.meta.url));
  const plan = planFor(load, path('refresh-loop'), 50_000, 4000);
  const command = ['--net', '--mount', 'sh', '-c', nativeShell, 'sh', process.execPath, path('top')];
  const env = { ...process.env, [topPlanVariable]: JSON.stringify(plan) };
  const child = spawn('unshare', command, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => {
    process.stderr.write(text);
    output += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the driver ended with status ${status}`);
  return output;
}

/** Each sample over that of the load alone in the same round. */
function ratios(samples: readonly TopSample[], tool: string, of: (sample: TopSample) => number): number[] {
  const alone = new Map(
    samples.filter((sample) => sample.tool === undefined).map((one) => [one.round, of(one)]),
  );
  return samples.filter((one) => one.tool === tool).map((one) => of(one) / alone.get(one.round)!);
}

function table(samples: readonly TopSample[]): string {
  const cell = (numbers: readonly number[]) => {
    const [least, most] = range(numbers);
    return `${median(numbers).toFixed(2)} (${least.toFixed(2)} – ${most.toFixed(2)})`;
  };
  const tools = [...new Set(samples.flatMap(({ tool }) => tool ?? []))];
  const line = (tool: string) => {
    const own = samples.filter((one) => one.tool === tool);
    const share = own.map((one) => (one.cpuSeconds ?? 0) / (one.pingPong.seconds + one.bulk.seconds));
    const cells = [
      tool,
      cell(ratios(samples, tool, (one) => (one.stopped ?? one).pingPong.cpu_seconds)),
      cell(ratios(samples, tool, (one) => (one.stopped ?? one).bulk.cpu_seconds)),
      cell(ratios(samples, tool, (one) => one.pingPong.seconds)),
      cell(ratios(samples, tool, (one) => one.bulk.seconds)),
      `${(median(share) * 100).toFixed(0)} %`,
    ];
    return `| ${cells.join(' | ')} |\n`;
  };
  return (
    '| tool | data path: 1-byte round trips | data path: bulk | in all: 1-byte round trips | in all: bulk | CPU of the tool |\n' +
    `| --- | --- | --- | --- | --- | --- |\n${tools.map(line).join('')}`
  );
}

// An exit in order ends the guest; a signal alone would leave it behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const load = (await buildLoad()).paths['weir-load']!;
const output = await (values.native ? natively(load) : inGuest(load));
const told = output
  .split('\n')
  .filter((text) => text.startsWith(topPrefix))
  .map((text) => JSON.parse(text.slice(topPrefix.length)) as TopSample | TopFailure);
const samples = told.filter((one): one is TopSample => !('failure' in one));
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(told, null, 1));
process.stdout.write(`\n${table(samples)}`);
for (const one of told)
  if ('failure' in one) process.stdout.write(`\nNot measured: ${one.tool}: ${one.failure}\n`);
