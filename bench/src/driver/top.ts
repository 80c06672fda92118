/** Runs beside tools that show traffic, in a guest or on this machine, and measures how much they slow it down. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BothLoads,
  type LoadTimes,
  type TopFailure,
  type TopPlan,
  type TopSample,
  topPlanVariable,
  topPrefix,
  type Watcher,
} from '../top-plan.js';
import { openInput } from './input.js';
import { cpuTimes } from './kernel.js';

/** The loads have a CPU to themselves, so that what a tool does beside the data's path does not count as slowdown. */
const [toolCpu, loadCpu] = ['0x1', '0x2'];
const startLimitMs = 90_000;

const plan = JSON.parse(process.env[topPlanVariable]!) as TopPlan;

function emit(sample: TopSample | TopFailure): void {
  process.stdout.write(`${topPrefix}${JSON.stringify(sample)}\n`);
}

/** Whatever else the machine does only adds to a time, so the least of several is nearest to the load itself. */
function run(...args: string[]): LoadTimes {
  const command = [loadCpu, plan.load, ...args, '--no-wait'];
  const times = Array.from({ length: plan.repeats }, () => {
    const output = execFileSync('taskset', command, { encoding: 'utf8' });
    return JSON.parse(output.trim().split('\n').at(-1)!) as { seconds: number; cpu_seconds: number };
  });
  return {
    seconds: Math.min(...times.map(({ seconds }) => seconds)),
    cpuSeconds: Math.min(...times.map(({ cpu_seconds }) => cpu_seconds)),
  };
}

function both(): BothLoads {
  return {
    pingPong: run('pingpong', '--count', `${plan.roundTrips}`),
    bulk: run('transfer', '--send', `${plan.bytes}`),
  };
}

/** Waits until the tool has shown something twice: then it counts. */
async function shows(output: Readable): Promise<void> {
  for (let times = 0; times < 2; times++) {
    await once(output, 'data');
    // What comes at once is one picture.
    await sleep(500);
  }
}

async function measure(round: number, { name, command }: Watcher): Promise<void> {
  const alone = both();
  const tool = spawn('taskset', [toolCpu, ...command], { stdio: [openInput, 'pipe', 'pipe'] });
  let complaint = '';
  tool.stderr.on('data', (text: Buffer) => {
    complaint = `${complaint}${text}`.slice(-500);
  });
  const ended = once(tool, 'exit');
  const failed = ended.then(() => Promise.reject(new Error(`it ended: ${complaint}`)));
  failed.catch(() => undefined);
  const late = sleep(startLimitMs, undefined, { ref: false }).then(() => {
    throw new Error(`it showed nothing: ${complaint}`);
  });
  late.catch(() => undefined);
  try {
    // Traffic to show.
    const background = spawn(
      'taskset',
      [loadCpu, plan.load, 'churn', '--no-wait', '--seconds', '100', '--connections-per-second', '20'],
      { stdio: 'ignore' },
    );
    try {
      await Promise.race([shows(tool.stdout), failed, late]);
    } finally {
      background.kill('SIGKILL');
      await once(background, 'exit');
    }
    tool.stdout.resume();
    const before = cpuTimes(tool.pid!);
    const started = performance.now();
    const running = both();
    const after = cpuTimes(tool.pid!);
    const usedUs = after.userUs + after.systemUs - before.userUs - before.systemUs;
    const toolShare = usedUs / 1e3 / (performance.now() - started);
    tool.kill('SIGSTOP');
    const stopped = both();
    tool.kill('SIGCONT');
    emit({ round, tool: name, alone, running, stopped, toolShare });
  } catch (error) {
    emit({ tool: name, failure: error instanceof Error ? error.message : String(error) });
  } finally {
    tool.kill('SIGTERM');
    const killing = setTimeout(() => tool.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(killing);
  }
}

// The first runs of all find caches cold.
both();
for (let round = 0; round < plan.rounds; round++) {
  for (const tool of plan.tools) await measure(round, tool);
}
process.exit(0);
