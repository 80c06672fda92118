/** The lab's commands: `npm run lab -- COMMAND`. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BootOptions, boot, LabError, quote, shell } from './guest/boot.js';
import { qemu } from './guest/qemu.js';
import { baseArchive } from './guest/userland.js';
import {
  architectureOf,
  arm64Kernels,
  cachedKernel,
  isBuilt,
  kernel,
  kernels,
  otherKernels,
  series,
} from './kernels/kernels.js';
import { buildLoad } from './load.js';
import { cache } from './paths.js';
import { type Architecture, platforms } from './platforms.js';
import { installRequirements, kernelBuildPackages } from './requirements.js';
import { exitOnSignals } from './temporary.js';

const usage = `npm run lab -- COMMAND

  list                                  the kernels, and which are in the cache
  fetch [KERNEL…]                       fetch kernels, by default all but the built, QEMU and the guests' base
  build [KERNEL…]                       build kernels that nobody packages, by default all such
  run KERNEL [OPTIONS] -- COMMAND…      run a command in a guest
  shell KERNEL [OPTIONS]                open a shell in a guest; "exit" ends it
  test KERNEL [TEXT]                    run the root tests whose path contains TEXT in a guest

options of run and shell:
  --smp N               virtual CPUs (1)
  --memory M            mebibytes (1024)
  --append TEXT         added to the kernel's command line, such as ipv6.disable=1
  --file HOST:GUEST     another file or folder for the guest; may be repeated
  --package NAME        another package of Debian 12 for the guest; may be repeated
  --timeout SECONDS     limit of a run (600)
`;

function guestOptions(args: string[]): {
  name: string;
  command: string[];
  options: Omit<BootOptions, 'command'>;
} {
  const split = args.indexOf('--');
  const command = split < 0 ? [] : args.slice(split + 1);
  const { values, positionals } = parseArgs({
    args: split < 0 ? args : args.slice(0, split),
    allowPositionals: true,
    options: {
      smp: { type: 'string', default: '1' },
      memory: { type: 'string', default: '1024' },
      append: { type: 'string' },
      file: { type: 'string', multiple: true, default: [] },
      package: { type: 'string', multiple: true, default: [] },
      timeout: { type: 'string', default: '600' },
    },
  });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) throw new UsageError('name one kernel');
  const files = values.file.map((pair) => {
    const colon = pair.lastIndexOf(':');
    if (colon <= 0 || pair[colon + 1] !== '/')
      throw new UsageError(`--file ${pair}: want HOST:/ABSOLUTE/GUEST/PATH`);
    return [pair.slice(colon + 1), resolve(pair.slice(0, colon))] as const;
  });
  const options = {
    kernel: name,
    smp: positive('--smp', values.smp),
    memory: positive('--memory', values.memory),
    append: values.append,
    files: Object.fromEntries(files),
    packages: values.package,
    timeoutMs: positive('--timeout', values.timeout) * 1000,
  };
  return { name, command, options };
}

class UsageError extends Error {}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0)
    throw new UsageError(`${option} ${text}: want a whole number above 0`);
  return value;
}

async function list(): Promise<number> {
  for (const { name, description } of [...kernels, ...otherKernels, ...arm64Kernels]) {
    const cached = cachedKernel(name);
    const missing = isBuilt(series(name)) ? 'not built' : 'not fetched';
    const state = cached ? `${cached.release} (package ${cached.version})` : missing;
    process.stdout.write(`${name.padEnd(11)} ${description.padEnd(44)} ${state}\n`);
  }
  process.stdout.write(`cache: ${cache}\n`);
  return 0;
}

async function fetch(names: readonly string[]): Promise<number> {
  const packaged = [...kernels, ...otherKernels, ...arm64Kernels]
    .filter((item) => !isBuilt(item))
    .map((item) => item.name);
  const wanted = names.length > 0 ? names : packaged;
  for (const architecture of new Set(wanted.map((name) => architectureOf(series(name))))) {
    process.stdout.write(`${architecture}: ${(await qemu(architecture)).version}\n`);
    await baseArchive(platforms[architecture]);
  }
  await provide(wanted);
  return 0;
}

async function provide(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { release, version } = await kernel(name);
    process.stdout.write(`${name.padEnd(11)} ${release} (package ${version})\n`);
  }
}

async function build(names: readonly string[]): Promise<number> {
  const built = kernels.filter(isBuilt).map((item) => item.name);
  for (const name of names) {
    if (!isBuilt(series(name)))
      throw new UsageError(`${name} is fetched, not built; built are ${built.join(', ')}`);
  }
  await installRequirements(kernelBuildPackages);
  await provide(names.length > 0 ? names : built);
  return 0;
}

/** A guest can do without the helpers when there is no compiler here. */
async function loadFolder(architecture: Architecture): Promise<string | undefined> {
  try {
    return (await buildLoad(platforms[architecture])).folder;
  } catch (error) {
    process.stderr.write(`lab: the guest gets no load helpers: ${(error as Error).message}\n`);
    return undefined;
  }
}

async function runCommand(args: string[]): Promise<number> {
  const { command, options } = guestOptions(args);
  if (command.length === 0) throw new UsageError('give the command after --');
  // One word is a script, several are a command and its arguments.
  const script = command.length === 1 ? command[0]! : command.map(quote).join(' ');
  const load = await loadFolder(architectureOf(series(options.kernel)));
  const onOutput = (text: string) => process.stdout.write(text);
  const files = { ...(load && { '/weir-test/load': load }), ...options.files };
  const result = await boot({
    ...options,
    files,
    env: { WEIR_LOAD: '/weir-test/load' },
    command: script,
    onOutput,
  });
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  process.stderr.write(
    `lab: ${result.release} booted in ${seconds(result.bootMs)} s, ran for ${seconds(result.runMs)} s, status ${result.status}\n`,
  );
  return result.status;
}

async function main([name, ...args]: string[]): Promise<number> {
  switch (name) {
    case 'list':
      return list();
    case 'fetch':
      return fetch(args);
    case 'build':
      return build(args);
    case 'run':
      return runCommand(args);
    case 'shell':
      await shell(guestOptions(args).options);
      return 0;
    case 'test': {
      const [kernelName, pattern = ''] = args;
      if (kernelName === undefined) throw new UsageError('name one kernel');
      process.argv.splice(2, Number.POSITIVE_INFINITY, '--kernels', kernelName, '--files', pattern);
      await import('./test.js');
      return Number(process.exitCode ?? 0);
    }
    default:
      process.stdout.write(usage);
      return name === undefined || name === 'help' || name === '--help' ? 0 : 2;
  }
}

exitOnSignals();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${usage}`);
  else process.stderr.write(`lab: ${error instanceof LabError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 2;
}
