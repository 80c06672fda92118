/** Runs beside the tools, in a guest or on this machine: measures as the plan says and prints each sample as a line. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Plan, planVariable, type Sample, samplePrefix } from '../plan.js';
import type { Tool } from '../tools.js';
import { cpuTimes, memory, setStatistics } from './kernel.js';
import { Load } from './load.js';
import { secondsToFirstEvent } from './start.js';
import { RunningTool } from './tool.js';

/** Shares of the load's highest rate that are tried, until a tool loses nothing. */
const rateShares = [1, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1];

const idleSeconds = 2;

const plan = JSON.parse(process.env[planVariable]!) as Plan;
const broken = new Set<string>();

function emit(sample: Sample): void {
  process.stdout.write(`${samplePrefix}${JSON.stringify(sample)}\n`);
}

/** A tool that fails once is left out from then on. */
async function attempt(tool: Tool, measure: () => Promise<void>): Promise<void> {
  if (broken.has(tool.name)) return;
  try {
    await measure();
  } catch (error) {
    broken.add(tool.name);
    emit({
      kind: 'failure',
      tool: tool.name,
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

function alone(round: number): void {
  const { seconds } = new Load(plan.load).cycles(plan.connections);
  emit({ kind: 'cost', round, loadSeconds: seconds });
}

/** Share of one CPU that the tool uses while nothing happens. */
async function idleCpu(running: RunningTool): Promise<number> {
  const before = cpuTimes(running.pid);
  await sleep(idleSeconds * 1000);
  const after = cpuTimes(running.pid);
  return (after.userUs + after.systemUs - before.userUs - before.systemUs) / (idleSeconds * 1e6);
}

async function cost(tool: Tool, round: number): Promise<void> {
  const load = new Load(plan.load);
  setStatistics(true);
  const running = await RunningTool.start(tool, load);
  const before = running.times();
  load.cycles(plan.connections);
  const after = running.times();
  setStatistics(false);
  await running.idle();
  const cpuBefore = cpuTimes(running.pid);
  const { seconds } = load.cycles(plan.connections);
  await running.idle();
  const cpuAfter = cpuTimes(running.pid);
  const { residentBytes, peakBytes } = memory(running.pid);
  const idleShare = await idleCpu(running);
  const printed = await running.stop();
  const events = plan.connections * tool.linesPerConnection;
  emit({
    kind: 'cost',
    round,
    tool: tool.name,
    loadSeconds: seconds,
    kernelNs: (after.ns - before.ns) / plan.connections,
    kernelRuns: (after.runs - before.runs) / plan.connections,
    userUs: (cpuAfter.userUs - cpuBefore.userUs) / events,
    systemUs: (cpuAfter.systemUs - cpuBefore.systemUs) / events,
    residentBytes,
    peakBytes,
    idleShare,
    expected: load.connections * tool.linesPerConnection,
    printed,
  });
}

async function start(tool: Tool, round: number): Promise<void> {
  emit({
    kind: 'start',
    round,
    tool: tool.name,
    seconds: await secondsToFirstEvent(tool, new Load(plan.load)),
  });
  // The tool may take a moment to take its programs off.
  await sleep(1000);
}

async function highestRate(tool: Tool, round: number, most: number): Promise<void> {
  for (const share of rateShares) {
    const load = new Load(plan.load);
    setStatistics(true);
    const running = await RunningTool.start(tool, load);
    setStatistics(false);
    const asked = share < 1 ? most * share : undefined;
    const result = load.rate(plan.rateSeconds, asked);
    const printed = await running.stop();
    const expected = load.connections * tool.linesPerConnection;
    const made = result.connections_per_second;
    emit({ kind: 'rate', round, tool: tool.name, ...(asked && { asked }), made, expected, printed });
    if (printed >= expected) return;
  }
}

process.once('exit', () => setStatistics(false));
for (let round = 0; round < plan.rounds; round++) {
  alone(round);
  // In every second round the other way round: what comes later finds caches as the one before left them.
  const tools = round % 2 === 0 ? plan.tools : [...plan.tools].reverse();
  for (const tool of tools) {
    await attempt(tool, () => cost(tool, round));
    if (plan.starts) await attempt(tool, () => start(tool, round));
  }
}
for (let round = 0; round < plan.rateRounds; round++) {
  const most = new Load(plan.load).rate(plan.rateSeconds).connections_per_second;
  for (const tool of plan.tools) await attempt(tool, () => highestRate(tool, round, most));
}
process.exit(0);
