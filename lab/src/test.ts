/**
 * `npm test`: everything that says whether this checkout is good, in one run with one summary.
 *
 *     npm test -- [--unit] [--host] [--guests] [--kernels 6.1,6.12] [--node 22,26] [--files TEXT] [--matrix] [--no-build]
 *
 * Without a choice all of it runs. The exit status is 0 only if nothing failed.
 */

import { existsSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildBpf } from './build-bpf.js';
import { attempt } from './command.js';
import { guestRepository } from './guest/project.js';
import { qemu } from './guest/qemu.js';
import { baseArchive } from './guest/userland.js';
import { CannotBuildError } from './kernels/built-kernel.js';
import { architectureOf, isBuilt, kernel, series } from './kernels/kernels.js';
import { buildLoad } from './load.js';
import { newestOther, nodeMajors } from './npm/node-versions.js';
import { repository } from './paths.js';
import { type Architecture, platforms } from './platforms.js';
import { installRequirements, isRoot, testPackages } from './requirements.js';
import { type Bundles, bundleTests, originalPlaces } from './suite/bundle.js';
import { findPrograms, findTestFiles, type GuestJob, guestJobs, type TestFiles } from './suite/plan.js';
import { type HostRun, runInGuest, runOnHost } from './suite/run-files.js';
import { schedule, type Task } from './suite/schedule.js';
import { otherShares, type Share } from './suite/shares.js';
import { SoftirqWitness } from './suite/softirq-witness.js';
import { Account, formatSummary, type SuiteResult } from './suite/suite.js';
import { exitOnSignals, temporaryFolder } from './temporary.js';

const unitTimeoutMs = 300_000;
const rootTimeoutMs = 600_000;
/** Some of the files of this machine alone make a system to install packages in. */
const hereTimeoutMs = 900_000;
/** Where guests find what the host's `WEIR_TEST_OBJECTS` and `WEIR_LOAD` name. */
const guestObjects = '/weir-test/objects';
const guestLoad = '/weir-test/load';
/** The share of connections that tests make in guests: these are ten times slower. */
const guestScale = '0.2';
/** What a file takes in a guest, on average; those that the newest kernel has for itself start more processes. */
const secondsPerGuestFile = 20;
const secondsPerNewestFile = 40;
/** The weight of what others wait for, and of what should fail soon: more than any guest. */
const soon = 1_000_000;

interface Selection {
  readonly unit: boolean;
  readonly host: boolean;
  readonly guests: boolean;
  /** Everything, with nothing filtered out: then lint, API pages and generated files are checked as well. */
  readonly checks: boolean;
  readonly kernels: readonly string[] | undefined;
  readonly pattern: string;
  /** Every file on every kernel. */
  readonly matrix: boolean;
  /** Majors of Node.js that run the files of this machine; undefined: the one that runs this. */
  readonly nodes: readonly string[] | undefined;
  /** Whether a kernel that is not in the cache may be built. */
  readonly build: boolean;
}

function select(): Selection {
  const { values } = parseArgs({
    options: {
      unit: { type: 'boolean', default: false },
      host: { type: 'boolean', default: false },
      guests: { type: 'boolean', default: false },
      kernels: { type: 'string' },
      node: { type: 'string' },
      files: { type: 'string', default: '' },
      matrix: { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
    },
  });
  const kernels = values.kernels?.split(',').filter(Boolean);
  for (const name of kernels ?? []) series(name);
  const nodes = values.node?.split(',').filter(Boolean);
  for (const major of nodes ?? [])
    if (!nodeMajors.includes(major)) throw new Error(`--node ${major}: one of ${nodeMajors.join(', ')}`);
  const guests = values.guests || kernels !== undefined;
  const all = !values.unit && !values.host && !guests && nodes === undefined;
  const onNodes = nodes !== undefined && !values.unit && !values.host;
  return {
    unit: all || values.unit || onNodes,
    host: all || values.host || onNodes,
    guests: all || guests,
    checks: all && values.files === '',
    kernels,
    pattern: values.files,
    matrix: values.matrix,
    nodes,
    build: !values['no-build'],
  };
}

const isTestPackage = (name: string) => testPackages.includes(name);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function lint(): Promise<SuiteResult> {
  const account = new Account('lint', []);
  const { status, stdout, stderr } = await attempt('npx', ['--no', 'biome', 'check', '.'], {
    cwd: repository,
  });
  if (status === 0) account.pass();
  else account.fail('.', 'biome check .', `${stdout}${stderr}`);
  return account.finish();
}

async function generated(missing: readonly string[]): Promise<SuiteResult> {
  const account = new Account('generated', []);
  if (missing.length > 0) {
    account.skip(`committed objects and decoders were not compared: ${missing.join(', ')} not installed`);
    return account.finish();
  }
  try {
    const { files, different } = await buildBpf(false);
    for (let i = different.length; i < files; i++) account.pass();
    for (const path of different)
      account.fail(path, 'is what its source gives', 'differs: npm run build:bpf');
  } catch (error) {
    account.fail('bpf', 'compiles', String(error));
  }
  return account.finish();
}

/** The site: public exports that lack a docstring or are not exported where a signature names them, links that lead nowhere. */
async function docs(): Promise<SuiteResult> {
  const account = new Account('docs', []);
  const { status, stdout, stderr } = await attempt(
    'npm',
    ['run', '--silent', 'test', '-w', '@weir/apidocs'],
    {
      cwd: repository,
    },
  );
  if (status === 0) account.pass();
  else account.fail('apidocs', 'the site is whole', `${stdout}${stderr}`);
  return account.finish();
}

interface Helpers {
  readonly result: SuiteResult;
  readonly load: LoadFolders;
}

/** Folders of the C helpers; an architecture is absent if they do not compile for it, or are not needed. */
type LoadFolders = Readonly<Partial<Record<Architecture, string>>>;

/** Compiles the objects that tests load, of every package that has such, and the C helpers. */
async function buildHelpers(objects: string, architectures: ReadonlySet<Architecture>): Promise<Helpers> {
  const account = new Account('helpers', []);
  for (const name of readdirSync(join(repository, 'packages'))) {
    const script = `packages/${name}/dist/test/support/build-objects.js`;
    if (!existsSync(join(repository, script))) continue;
    const { status, stdout, stderr } = await attempt(process.execPath, [join(repository, script), objects]);
    if (status === 0) account.pass();
    else account.fail(script, 'compiles the test objects', `${stderr}${stdout}`);
  }
  const load: Partial<Record<Architecture, string>> = {};
  for (const architecture of architectures) {
    try {
      load[architecture] = (await buildLoad(platforms[architecture])).folder;
      account.pass();
    } catch (error) {
      account.fail('lab/load', `compiles for ${architecture}`, String(error));
    }
  }
  return { result: account.finish(), load };
}

function announce(selection: Selection, files: TestFiles, jobs: readonly GuestJob[]): void {
  say('plan:');
  if (selection.checks) say('  lint, API pages, and committed objects and decoders against their sources');
  const { nodes } = selection;
  if (nodes !== undefined) say(`  all files of this machine, with Node.js ${nodes.join(', ')}`);
  else if (selection.checks) say(`  packages/ebpf with Node.js ${newestOther} as well`);
  if (selection.unit) say(`  unit: ${files.unit.length} files`);
  if (selection.host && isRoot()) {
    say(`  host: ${files.root.length} files on this machine's kernel`);
    say(`  host only: ${files.host.length} files that run nowhere else`);
  }
  if (selection.host && !isRoot()) say('  host: left out, as it needs root');
  if (selection.guests && !selection.kernels)
    say(`  lab: ${files.boot.length} files that boot guests themselves`);
  for (const job of jobs) say(`  guest ${job.name}: ${job.files.length} files, ${job.smp} CPUs`);
}

/** Fetches or builds the kernels while other things run. The guest that needs a kernel reports its failure. */
function prepareKernels(jobs: readonly GuestJob[], build: boolean): Map<string, Promise<unknown>> {
  const names = new Set(jobs.map((job) => job.kernel));
  const onProgress = (line: string) => say(`     ${line}`);
  return new Map([...names].map((name) => [name, Promise.allSettled([kernel(name, { build, onProgress })])]));
}

/** Folders that test processes are given. */
interface Given {
  readonly objects: string;
  readonly load: LoadFolders;
}

/** Runs one guest's files; on a kernel that cannot be built here, and was not asked for by name, it says so. */
async function runJob(
  job: GuestJob,
  selection: Selection,
  { objects, load: loads }: Given,
  bundles: Bundles,
): Promise<SuiteResult> {
  try {
    await kernel(job.kernel);
  } catch (error) {
    if (error instanceof CannotBuildError && selection.kernels === undefined) {
      const account = new Account(job.name, []);
      account.skip(`${job.files.length} files DID NOT RUN: ${error.message}`);
      return account.finish();
    }
  }
  const load = loads[architectureOf(series(job.kernel))];
  const result = await runInGuest({
    ...job,
    testFiles: job.files,
    timeoutMs: rootTimeoutMs,
    env: {
      WEIR_TEST_OBJECTS: guestObjects,
      WEIR_LOAD: guestLoad,
      ...(!selection.matrix && { WEIR_SCALE: guestScale }),
    },
    files: { [guestRepository]: bundles.folder, [guestObjects]: objects, ...(load && { [guestLoad]: load }) },
  });
  const failures = result.failures.map((failure) => ({
    ...failure,
    detail: originalPlaces(failure.detail, bundles),
    output: originalPlaces(failure.output, bundles),
  }));
  return { ...result, failures };
}

function architecturesOf(jobs: readonly GuestJob[]): Set<Architecture> {
  return new Set(jobs.map((job) => architectureOf(series(job.kernel))));
}

/** Everything guests need besides their kernels. */
async function prepareGuests(jobs: readonly GuestJob[], bundles: Bundles): Promise<void> {
  for (const architecture of architecturesOf(jobs)) {
    say(`guests of ${architecture} run under ${(await qemu(architecture)).version}`);
    await baseArchive(platforms[architecture]);
  }
  const files = [...new Set(jobs.flatMap((job) => job.files))];
  await bundleTests([...files, ...findPrograms(files)], bundles);
}

/** Guests, as tasks. What they need besides their kernels is made meanwhile. */
function guestTasks(
  jobs: readonly GuestJob[],
  selection: Selection,
  preparing: ReadonlyMap<string, Promise<unknown>>,
  given: Given,
  bundles: Bundles,
): Task<SuiteResult>[] {
  if (jobs.length === 0) return [];
  const prepared = prepareGuests(jobs, bundles);
  return jobs.map((job) => ({
    weight: job.files.length * (job.name.endsWith(' newest') ? secondsPerNewestFile : secondsPerGuestFile),
    ready: Promise.allSettled([prepared, preparing.get(job.kernel)]),
    run: async () => {
      await prepared;
      return runJob(job, selection, given, bundles);
    },
  }));
}

function environment({ objects, load }: Given): Record<string, string> {
  return { WEIR_TEST_OBJECTS: objects, ...(load.x64 && { WEIR_LOAD: load.x64 }) };
}

interface Here {
  readonly selection: Selection;
  readonly env: Readonly<Record<string, string>>;
  readonly witness: SoftirqWitness | undefined;
}

/** Files that need root, on this machine. */
function rootRun(name: string, files: readonly string[], node: string | undefined, here: Here): HostRun {
  const { env, witness } = here;
  const more = { ...(node !== undefined && { node }), ...(witness && { witness }) };
  return { name, files, concurrency: 1, timeoutMs: rootTimeoutMs, ownMounts: true, env, ...more };
}

/** What one version of Node.js runs of the files that need no root. */
function unitTask({ suffix, node, unit }: Share, { selection, env }: Here): Task<SuiteResult> {
  const name = `unit${suffix}`;
  // Beside a guest, one of two CPUs is theirs.
  const concurrency = selection.guests ? Math.ceil(cpus().length / 2) : cpus().length;
  const own = node === undefined ? {} : { node };
  const run = { name, files: unit, concurrency, timeoutMs: unitTimeoutMs, env, ...own };
  return { weight: soon, run: () => runOnHost(run) };
}

/**
 * What needs root on this machine, one after the other: tests look for what programs leave in its kernel. First those that ask for
 * exact counts, then those that run nowhere else.
 */
function rootTasks(shares: readonly Share[], here: Here): Task<SuiteResult>[] {
  const exact = shares.map(({ suffix, node, root }) => rootRun(`host${suffix}`, root, node, here));
  const alone = shares.map(({ suffix, node, host }) => ({
    ...rootRun(`host only${suffix}`, host, node, here),
    // Some make a system to install packages in.
    timeoutMs: hereTimeoutMs,
  }));
  const runs = [
    ...exact.map((run) => ({ run, waits: false })),
    ...alone.map((run) => ({ run, waits: true })),
  ].filter(({ run }) => run.files.length > 0);
  let previous: Promise<void> | undefined;
  return runs.map(({ run, waits }) => {
    const ready = previous;
    let end = () => {};
    previous = new Promise((resolve) => {
      end = resolve;
    });
    return { weight: soon, ready, waits, run: () => runOnHost(run).finally(end) };
  });
}

/** Files that boot guests themselves. */
function bootTasks(files: readonly string[], env: HostRun['env']): Task<SuiteResult>[] {
  if (files.length === 0) return [];
  const run = { name: 'lab', files, concurrency: 1, timeoutMs: rootTimeoutMs, env };
  return [{ weight: files.length * secondsPerGuestFile, run: () => runOnHost(run) }];
}

async function main(): Promise<void> {
  const selection = select();
  const missing = await installRequirements();
  const files = findTestFiles(selection.pattern);
  const { kernels, matrix } = selection;
  const jobs = selection.guests ? guestJobs(files, { kernels, matrix }) : [];
  announce(selection, files, jobs);
  if (missing.length > 0) say(`not installed, and this is not root: apt-get install ${missing.join(' ')}`);
  const preparing = prepareKernels(jobs, selection.build);

  using temporary = temporaryFolder('weir-objects-');
  const objects = temporary.path;
  const { result, load } = await buildHelpers(objects, new Set(['x64', ...architecturesOf(jobs)]));
  const given = { objects, load };
  const env = environment(given);
  using witness = selection.host && isRoot() ? new SoftirqWitness() : undefined;
  const here = { selection, env, witness };
  const own = { ...files, suffix: '', node: undefined };
  const others = await otherShares(files, { ...selection, all: selection.checks });
  const shares = selection.nodes === undefined ? [own, ...others] : others;
  using folder = temporaryFolder('weir-bundles-');
  const bundles = { folder: join(folder.path, 'files'), maps: join(folder.path, 'maps') };
  const tasks: Task<SuiteResult>[] = [
    ...(witness === undefined ? [] : rootTasks(shares, here)),
    ...(selection.checks ? [lint, docs, () => generated(missing.filter(isTestPackage))] : []).map((run) => ({
      weight: soon,
      run,
    })),
    ...(selection.unit ? shares.map((share) => unitTask(share, here)) : []),
    ...guestTasks(jobs, selection, preparing, given, bundles),
    ...bootTasks(selection.guests && !kernels ? files.boot : [], env),
  ];
  // Fetching takes next to no CPU, so only building is worth a place.
  const building = [...preparing].filter(([name]) => isBuilt(series(name))).map(([, prepared]) => prepared);
  // Two guests keep two CPUs busy even if one of them has two of its own.
  const results = [result, ...(await schedule(tasks, Math.max(2, cpus().length), building))];
  process.stdout.write(formatSummary(results));
  const count = results.reduce((sum, { passed, failed }) => sum + passed + failed, 0);
  if (count === 0) say('no test ran');
  process.exitCode = count > 0 && results.every(({ failed }) => failed === 0) ? 0 : 1;
}

exitOnSignals();
await main();
