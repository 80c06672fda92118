/** The part `balance`: Weir's balancer beside others, in a guest or on this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { release as kernelRelease } from 'node:os';
import { fileURLToPath } from 'node:url';
import { boot, guestRepository } from '@weir/lab';
import { type BalancePlan, type BalanceSample, balancePrefix, balanceVariable } from './balance-plan.js';

export interface BalanceResult {
  /** As `uname -r` says it. */
  readonly release: string;
  readonly plan: BalancePlan;
  readonly samples: readonly BalanceSample[];
}

const packages = ['nginx-light', 'libnginx-mod-stream', 'haproxy', 'ipvsadm', 'nftables', 'wrk', 'ethtool'];
const memoryMebibytes = 2048;

/** Takes samples out of the driver's output. */
function samplesOf(output: string): BalanceSample[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith(balancePrefix))
    .map((line) => JSON.parse(line.slice(balancePrefix.length)) as BalanceSample);
}

/** @throws Error when the driver fails; a balancer that fails is a sample. */
export async function balanceInGuest(
  plan: BalancePlan,
  kernel: string,
  onOutput: (text: string) => void,
): Promise<BalanceResult> {
  const { status, output, release } = await boot({
    kernel,
    smp: 2,
    memory: memoryMebibytes,
    packages,
    env: { [balanceVariable]: JSON.stringify(plan) },
    command: `node ${guestRepository}/bench/dist/src/driver/balance.js`,
    timeoutMs: 3_600_000,
    onOutput,
  });
  if (status !== 0) throw new Error(`the driver ended with status ${status}:\n${output.slice(-4000)}`);
  return { release, plan, samples: samplesOf(output) };
}

/** On this machine, as root, with the packages installed. @throws Error when the driver fails. */
export async function balanceNatively(
  plan: BalancePlan,
  onOutput: (text: string) => void,
): Promise<BalanceResult> {
  const driver = fileURLToPath(new URL('../driver/balance.js', import.meta.url));
  const child = spawn(process.execPath, [driver], {
    env: { ...process.env, [balanceVariable]: JSON.stringify(plan) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    onOutput(chunk.toString());
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the driver ended with status ${status}`);
  return { release: kernelRelease(), plan, samples: samplesOf(output) };
}
