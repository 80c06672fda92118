/**
 * How much tools that show traffic slow it down: one-byte round trips and bulk transfer over loopback, side by side.
 *
 *     node bench/dist/src/top-bench.js [--native] [--kernel NAME] [--rounds N] [--repeats N]
 *         [--round-trips N] [--megabytes N] [--json FILE]
 *
 * In a guest of two CPUs, or natively, as root, with those tools that are installed. A round measures the loads before
 * each tool is there, while it runs, and while its process is stopped: then only what it has put into the kernel costs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { boot, buildLoad, guestRepository } from '@weir/lab';
import { median } from './statistics.js';
import {
  type BothLoads,
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
    repeats: { type: 'string', default: '8' },
    'round-trips': { type: 'string' },
    megabytes: { type: 'string' },
    json: { type: 'string' },
  },
});

/** The command, from the root of the repository. */
const weir = 'packages/cli/bin/weir.js';

function planFor(load: string, weir: string, roundTrips: number, megabytes: number): TopPlan {
  return {
    load,
    tools: watchers(weir),
    rounds: Number(values.rounds),
    repeats: Number(values.repeats),
    roundTrips: Number(values['round-trips'] ?? roundTrips),
    bytes: Number(values.megabytes ?? megabytes) * 1e6,
  };
}

/** libbpf-tools with LLVM's libraries and the capturing tools are root file system, which is memory. */
const memoryMebibytes = 4096;

async function inGuest(load: string): Promise<string> {
  const plan = planFor(`/load/${basename(load)}`, `${guestRepository}/${weir}`, 1_000, 50);
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
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const plan = planFor(load, path(`../../../${weir}`), 20_000, 1000);
  const command = [
    '--net',
    '--mount',
    'sh',
    '-c',
    nativeShell,
    'sh',
    process.execPath,
    path('driver/top.js'),
  ];
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

/**
 * The least over all rounds, over the least without any tool; in parentheses the median over the rounds, each over the
 * same. Whatever else the machine does only adds, and the more a figure has of it, the farther these two are apart.
 */
function cell(own: readonly number[], alone: readonly number[]): string {
  const base = Math.min(...alone);
  return `${(Math.min(...own) / base).toFixed(2)} (${(median(own) / base).toFixed(2)})`;
}

const figures = [
  ['data path: 1-byte round trips', 'stopped', (loads: BothLoads) => loads.pingPong.cpuSeconds],
  ['data path: bulk', 'stopped', (loads: BothLoads) => loads.bulk.cpuSeconds],
  ['in all: 1-byte round trips', 'running', (loads: BothLoads) => loads.pingPong.seconds],
  ['in all: bulk', 'running', (loads: BothLoads) => loads.bulk.seconds],
] as const;

function table(samples: readonly TopSample[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const rows = [...new Set(samples.map(({ tool }) => tool))].map((tool) => {
    const own = samples.filter((one) => one.tool === tool);
    const cells = figures.map(([, when, of]) =>
      cell(
        own.map((one) => of(one[when])),
        samples.map(({ alone }) => of(alone)),
      ),
    );
    return line([tool, ...cells, `${(median(own.map(({ toolShare }) => toolShare)) * 100).toFixed(0)} %`]);
  });
  const head = ['tool', ...figures.map(([name]) => name), 'CPU of the tool'];
  return line(head) + line(head.map(() => '---')) + rows.join('');
}

// An exit in order ends the guest; a signal alone would leave it behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const load = (await buildLoad()).paths['weir-load']!;
const output = await (values.native ? natively(load) : inGuest(load));
const results = output
  .split('\n')
  .filter((text) => text.startsWith(topPrefix))
  .map((text) => JSON.parse(text.slice(topPrefix.length)) as TopSample | TopFailure);
const samples = results.filter((one): one is TopSample => !('failure' in one));
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, null, 1));
process.stdout.write(`\n${table(samples)}`);
for (const one of results)
  if ('failure' in one) process.stdout.write(`\nNot measured: ${one.tool}: ${one.failure}\n`);
