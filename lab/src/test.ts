/**
 * `npm test`: everything that says whether this checkout is good, in one run with one summary.
 *
 *     npm test -- [--unit] [--host] [--guests] [--kernels 6.1,6.12] [--files TEXT]
 *
 * Without a choice all of it runs. The exit status is 0 only if nothing failed.
 */

import { existsSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildBpf } from './build-bpf.js';
import { attempt } from './command.js';
import { kernel, series } from './kernels.js';
import { buildLoad } from './load.js';
import { repository } from './paths.js';
import { findTestFiles, type GuestJob, guestJobs, schedule, type TestFiles } from './plan.js';
import { qemu } from './qemu.js';
import { installRequirements, isRoot } from './requirements.js';
import { runInGuest, runOnHost } from './run-files.js';
import { Account, formatSummary, type SuiteResult } from './suite.js';
import { exitOnSignals, temporaryFolder } from './temporary.js';
import { baseArchive } from './userland.js';

const unitTimeoutMs = 180_000;
const rootTimeoutMs = 300_000;
/** Where guests find what the host's `WEIR_TEST_OBJECTS` and `WEIR_LOAD` name. */
const guestObjects = '/weir-test/objects';
const guestLoad = '/weir-test/load';

interface Selection {
  readonly unit: boolean;
  readonly host: boolean;
  readonly guests: boolean;
  /** Everything, with nothing filtered out: then lint and generated files are checked as well. */
  readonly checks: boolean;
  readonly kernels: readonly string[] | undefined;
  readonly pattern: string;
}

function select(): Selection {
  const { values } = parseArgs({
    options: {
      unit: { type: 'boolean', default: false },
      host: { type: 'boolean', default: false },
      guests: { type: 'boolean', default: false },
      kernels: { type: 'string' },
      files: { type: 'string', default: '' },
    },
  });
  const kernels = values.kernels?.split(',').filter(Boolean);
  for (const name of kernels ?? []) series(name);
  const guests = values.guests || kernels !== undefined;
  const all = !values.unit && !values.host && !guests;
  return {
    unit: all || values.unit,
    host: all || values.host,
    guests: all || guests,
    checks: all && values.files === '',
    kernels,
    pattern: values.files,
  };
}

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

interface Helpers {
  readonly result: SuiteResult;
  /** Folder of the C helpers; undefined if they do not compile. */
  readonly load: string | undefined;
}

/** Compiles the objects that tests load, of every package that has such, and the C helpers. */
async function buildHelpers(objects: string): Promise<Helpers> {
  const account = new Account('helpers', []);
  for (const name of readdirSync(join(repository, 'packages'))) {
    const script = `packages/${name}/dist/test/support/build-objects.js`;
    if (!existsSync(join(repository, script))) continue;
    const { status, stdout, stderr } = await attempt(process.execPath, [join(repository, script), objects]);
    if (status === 0) account.pass();
    else account.fail(script, 'compiles the test objects', `${stderr}${stdout}`);
  }
  let load: string | undefined;
  try {
    load = (await buildLoad()).folder;
    account.pass();
  } catch (error) {
    account.fail('lab/load', 'compiles', String(error));
  }
  return { result: account.finish(), load };
}

function announce(selection: Selection, files: TestFiles, jobs: readonly GuestJob[]): void {
  say('plan:');
  if (selection.checks) say('  lint, and committed objects and decoders against their sources');
  if (selection.unit) say(`  unit: ${files.unit.length} files`);
  if (selection.host && isRoot()) say(`  host: ${files.root.length} files on this machine's kernel`);
  if (selection.host && !isRoot()) say('  host: left out, as it needs root');
  if (selection.guests && !selection.kernels)
    say(`  lab: ${files.boot.length} files that boot guests themselves`);
  for (const job of jobs) say(`  guest ${job.name}: ${job.files.length} files, ${job.smp} CPUs`);
}

async function guests(
  jobs: readonly GuestJob[],
  objects: string,
  load: string | undefined,
): Promise<SuiteResult[]> {
  if (jobs.length === 0) return [];
  say(`guests run under ${(await qemu()).version}`);
  await baseArchive();
  return schedule(jobs, Math.max(2, cpus().length), (job) =>
    runInGuest({
      ...job,
      testFiles: job.files,
      timeoutMs: rootTimeoutMs,
      env: { WEIR_TEST_OBJECTS: guestObjects, WEIR_LOAD: guestLoad },
      files: { [guestObjects]: objects, ...(load && { [guestLoad]: load }) },
    }),
  );
}

async function main(): Promise<void> {
  const selection = select();
  const missing = await installRequirements();
  const files = findTestFiles(selection.pattern);
  const jobs = selection.guests ? guestJobs(files, selection.kernels) : [];
  announce(selection, files, jobs);
  if (missing.length > 0) say(`not installed, and this is not root: apt-get install ${missing.join(' ')}`);
  // Kernels come over the network while other things run; a failure is told by the guest that wanted it.
  const fetching = Promise.allSettled([...new Set(jobs.map((job) => job.kernel))].map(kernel));

  using temporary = temporaryFolder('weir-objects-');
  const objects = temporary.path;
  const results: SuiteResult[] = [];
  if (selection.checks) results.push(await lint(), await generated(missing));
  const { result, load } = await buildHelpers(objects);
  results.push(result);
  const env = { WEIR_TEST_OBJECTS: objects, ...(load && { WEIR_LOAD: load }) };
  if (selection.unit) {
    const concurrency = cpus().length;
    results.push(
      await runOnHost({ name: 'unit', files: files.unit, concurrency, env, timeoutMs: unitTimeoutMs }),
    );
  }
  if (selection.host && isRoot()) {
    const host = { name: 'host', files: files.root, concurrency: 1, env, timeoutMs: rootTimeoutMs };
    results.push(await runOnHost({ ...host, ownMounts: true }));
  }
  await fetching;
  if (selection.guests && !selection.kernels) {
    results.push(
      await runOnHost({ name: 'lab', files: files.boot, concurrency: 1, env, timeoutMs: rootTimeoutMs }),
    );
  }
  results.push(...(await guests(jobs, objects, load)));
  process.stdout.write(formatSummary(results));
  const count = results.reduce((sum, { passed, failed }) => sum + passed + failed, 0);
  if (count === 0) say('no test ran');
  process.exitCode = count > 0 && results.every(({ failed }) => failed === 0) ? 0 : 1;
}

exitOnSignals();
await main();
