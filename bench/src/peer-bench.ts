/** Runs the driver, and with it all tools: in a guest, or on this machine's own kernel. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { release as kernelRelease } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boot, buildLoad, guestRepository, kernel as labKernel } from '@weir/lab';
import { type Plan, planVariable, type Sample, SampleReader } from './plan.js';
import { chooseTools } from './tools.js';

/** A plan without paths, which depend on the place where it runs. */
export interface Request extends Omit<Plan, 'load' | 'tools'> {
  /** Only tools whose name contains one of these. */
  readonly names: readonly string[];
  /** Whether the tools of bcc are measured, too: in a guest, only with a kernel of Debian 12, whose headers are there. */
  readonly bcc: boolean;
  /** Called with each sample as it comes. */
  readonly onSample: (sample: Sample) => void;
}

export interface Result {
  /** As `uname -r` says it. */
  readonly release: string;
  readonly plan: Plan;
  readonly samples: readonly Sample[];
}

function planOf(request: Request, weir: string, load: string): Plan {
  const { names, bcc, onSample, ...counts } = request;
  return { ...counts, tools: chooseTools(weir, names, bcc), load };
}

async function loadProgram(): Promise<string> {
  return (await buildLoad()).paths['weir-load']!;
}

/** libbpf-tools and bpftrace with LLVM are 290 MB of root file system, which is memory. */
const memoryMebibytes = 4096;
async function bccPackages(name: string): Promise<string[]> {
  const { release } = await labKernel(name);
  return ['bpfcc-tools', `linux-headers-${release}`];
}

const weirScript = 'packages/cli/bin/weir.js';

/** @throws Error when the driver fails; tools that fail are samples. */
export async function benchInGuest(request: Request, kernel: string, smp: number): Promise<Result> {
  const load = await loadProgram();
  const plan = planOf(request, `${guestRepository}/${weirScript}`, `/load/${basename(load)}`);
  const reader = new SampleReader(request.onSample);
  const { status, output, release } = await boot({
    kernel,
    smp,
    memory: memoryMebibytes,
    packages: ['libbpf-tools', 'bpftrace', 'bsdutils', ...(request.bcc ? await bccPackages(kernel) : [])],
    files: { '/load': dirname(load) },
    env: { [planVariable]: JSON.stringify(plan) },
    command: `node ${guestRepository}/bench/dist/src/driver/peers.js`,
    timeoutMs: 3_600_000,
    onOutput: (text) => reader.append(text),
  });
  if (status !== 0) throw new Error(`the driver ended with status ${status}:\n${output.slice(-4000)}`);
  return { release, plan, samples: reader.samples };
}

/** Own namespaces: connections meet nobody else's, and tracefs, which bpftrace needs, is mounted for nobody else. */
const nativeShell = [
  'ip link set lo up',
  'mount -t debugfs debugfs /sys/kernel/debug',
  'mount -t tracefs tracefs /sys/kernel/tracing',
  'exec "$@"',
].join('\n');

/** On this machine, as root, with the peers' packages installed. @throws Error when the driver fails. */
export async function benchNatively(request: Request): Promise<Result> {
  const repository = fileURLToPath(new URL('../../../', import.meta.url));
  const plan = planOf(request, join(repository, weirScript), await loadProgram());
  const driver = fileURLToPath(new URL('driver/peers.js', import.meta.url));
  const reader = new SampleReader(request.onSample);
  const command = ['--net', '--mount', 'sh', '-c', nativeShell, 'sh', process.execPath, driver];
  const child = spawn('unshare', command, {
    env: { ...process.env, [planVariable]: JSON.stringify(plan) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (chunk: Buffer) => reader.append(chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the driver ended with status ${status}`);
  return { release: kernelRelease(), plan, samples: reader.samples };
}
