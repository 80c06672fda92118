/** The load of the comparison: `wrk`, and the machine's CPU time meanwhile. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { VIP } from './switched-network.js';

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly cpuUs: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

/** Connections at a time. */
const connections = 16;
/** A tick of /proc/stat, microseconds. */
const tickUs = 10_000;

/** Runs `wrk` in this thread's namespace. @param isNew Each request has a connection of its own. @throws Error */
export async function requestLoad(seconds: number, isNew: boolean): Promise<LoadResult> {
  const before = busyTicks();
  const text = await wrk([
    ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', '--latency'],
    ...(isNew ? ['-H', 'Connection: close'] : []),
    // With its port, since a guest has no list of services.
    `http://${VIP}:80/`,
  ]);
  const busy = busyTicks() - before;
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const requests = number(/(\d+) requests in/);
  if (requests === 0) throw new Error(`no request was answered: ${text.trim()}`);
  const errors = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    cpuUs: (busy * tickUs) / requests,
    p50: latencyMs(text, '50%'),
    p99: latencyMs(text, '99%'),
    failed: errors.reduce((sum, each) => sum + Number(each), number(/Non-2xx or 3xx responses: (\d+)/)),
  };
}

async function wrk(args: readonly string[]): Promise<string> {
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.on('error', (error) => {
    text += error.message;
  });
  for await (const chunk of child.stdout) text += String(chunk);
  return text;
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

function latencyMs(text: string, share: string): number {
  const [, value, unit] = new RegExp(`^\\s+${share}\\s+([\\d.]+)(us|ms|s)$`, 'm').exec(text) ?? [];
  return Number(value ?? Number.NaN) * (unitMs[unit ?? ''] ?? Number.NaN);
}

/** CPU time of the machine other than idle and waiting, ticks. */
function busyTicks(): number {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return user! + nice! + system! + irq! + softirq!;
}
