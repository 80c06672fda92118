/** Kernels that nobody packages: built from Debian's sources with our configuration, once for each version of either. */

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Apt } from '../apt.js';
import { follow, run } from '../command.js';
import { CpioWriter } from '../guest/cpio.js';
import { cacheFolder, repository } from '../paths.js';
import { kernelBuildPackages, missingPackages } from '../requirements.js';
import { type Kernel, makeCurrent, readCurrent } from './kernel-cache.js';
import { contradictions } from './kernel-config.js';
import { parseOffsets } from './kernel-offsets.js';

/** A kernel that is built. */
export interface BuiltSeries {
  /** What the commands call it. */
  readonly name: string;
  readonly description: string;
  /** Where the package with the sources is. */
  readonly source: Apt;
  /** The package: it holds `usr/src/PACKAGE.tar.xz`. */
  readonly package: string;
  /** The options that differ from "none", relative to the checkout. */
  readonly config: string;
  /** Whether it runs only the files whose outcome the kernel decides (plan.ts), as it lies between others that run all. */
  readonly partly?: boolean;
  /** Ways to boot a guest (plan.ts) that come to nothing on it. */
  readonly without?: readonly string[];
}

export interface BuildOptions {
  /** False: use what is in the cache, build nothing. Default: true. */
  readonly build?: boolean;
  /** Receives a line on the state of a build now and then. Default: they go to standard error. */
  readonly onProgress?: (line: string) => void;
}

/** The kernel is not in the cache and cannot be built here, or was not to be. */
export class CannotBuildError extends Error {
  override readonly name = 'CannotBuildError';
}

/** Compiled inside the kernel's tree, it holds the offsets of fields. */
const offsetsSource = 'lab/kernel/offsets.c';
/** Its place there: a folder whose files are compiled with the kernel's own flags and that every configuration has. */
const offsetsPlace = 'net/core/weir_offsets';
/** Whatever the machine and the time: one source and configuration give one kernel. */
const identity = {
  KBUILD_BUILD_USER: 'weir',
  KBUILD_BUILD_HOST: 'lab',
  KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
};
const buildTimeoutMs = 60 * 60_000;
const progressIntervalMs = 30_000;

/**
 * A kernel built from the newest sources, now if it is not in the cache. Without an answer from the mirror, the one
 * built last is used, and that is said on standard error. The caller holds the series' lock.
 *
 * @throws CannotBuildError if it would have to be built, and that is not possible or not wanted.
 * @throws Error with the last messages of a build that failed.
 */
export async function builtKernel(wanted: BuiltSeries, options: BuildOptions): Promise<Kernel> {
  const folder = cacheFolder('kernels', wanted.name);
  const version = await sourceVersion(wanted);
  if (version !== undefined) {
    const name = `${version}-${await recipeHash(wanted)}`;
    const built = join(folder, name);
    if (!existsSync(built)) {
      await checkPossible(wanted, options);
      await build(wanted, version, built, options);
    }
    const release = readFileSync(join(built, 'release'), 'utf8');
    makeCurrent(wanted.name, { release, version, folder: name });
  }
  const current = readCurrent(wanted.name)!;
  const built = join(folder, current.folder);
  return {
    name: wanted.name,
    architecture: 'x64',
    release: current.release,
    version: current.version,
    image: join(built, 'vmlinuz'),
    modules: join(built, 'modules.cpio'),
    offsets: join(built, 'offsets.json'),
  };
}

/** The version of the sources there are. Undefined if that cannot be learnt, but a kernel built earlier is there. */
async function sourceVersion(wanted: BuiltSeries): Promise<string | undefined> {
  try {
    const [found] = await wanted.source.show([wanted.package]);
    if (found === undefined) throw new Error(`Debian's packages hold no ${wanted.package}`);
    return found.version;
  } catch (error) {
    const cached = readCurrent(wanted.name);
    if (cached === undefined) throw new CannotBuildError(`${wanted.name} is not in the cache, and: ${error}`);
    process.stderr.write(`lab: using the cached kernel ${cached.release}: ${error}\n`);
    return undefined;
  }
}

/** A hash of everything besides its sources that a built kernel depends on. */
async function recipeHash(wanted: BuiltSeries): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [wanted.config, offsetsSource]) hash.update(readFileSync(join(repository, file)));
  hash.update(await compiler()).update(JSON.stringify(identity));
  return hash.digest('hex').slice(0, 12);
}

/** The compiler's name and version; empty if there is none. */
async function compiler(): Promise<string> {
  try {
    return (await run('gcc', ['--version'])).toString().split('\n')[0]!;
  } catch {
    return '';
  }
}

async function checkPossible(wanted: BuiltSeries, options: BuildOptions): Promise<void> {
  const not = `${wanted.name} is not in the cache`;
  if (options.build === false) throw new CannotBuildError(`${not}, and was not to be built`);
  const missing = await missingPackages(kernelBuildPackages);
  if (missing.length > 0)
    throw new CannotBuildError(`${not}, and building it needs: apt-get install ${missing.join(' ')}`);
}

async function build(
  wanted: BuiltSeries,
  version: string,
  target: string,
  options: BuildOptions,
): Promise<void> {
  const say = options.onProgress ?? ((line: string) => process.stderr.write(`lab: ${line}\n`));
  const started = performance.now();
  const minutes = () => `${((performance.now() - started) / 60_000).toFixed(1)} min`;
  say(`${wanted.name}: fetching ${wanted.package} ${version}`);
  const partial = mkdtempSync(join(cacheFolder('kernels', wanted.name), 'partial-'));
  const removePartial = () => rmSync(partial, { recursive: true, force: true });
  process.once('exit', removePartial);
  try {
    const tree = await unpackSource(wanted, version, partial);
    await configure(wanted, tree);
    say(`${wanted.name}: compiling with ${await compiler()}`);
    let files = 0;
    const timer = setInterval(
      () => say(`${wanted.name}: ${files} files compiled, ${minutes()}`),
      progressIntervalMs,
    );
    try {
      const count = (line: string) => {
        if (/^ {2}CC /.test(line)) files++;
      };
      const jobs = `-j${cpus().length}`;
      // First, as it is over soon and may fail.
      await make(tree, [jobs, `${offsetsPlace}.s`], count);
      await make(tree, [jobs, 'bzImage'], count);
    } finally {
      clearInterval(timer);
    }
    await collect(tree, partial);
    rmSync(tree, { recursive: true });
    renameSync(partial, target);
    say(`${wanted.name}: built in ${minutes()}`);
  } finally {
    process.removeListener('exit', removePartial);
    removePartial();
  }
}

/** Returns the folder of the sources. */
async function unpackSource(wanted: BuiltSeries, version: string, into: string): Promise<string> {
  const unpacked = join(into, 'package');
  await wanted.source.unpack([`${wanted.package}=${version}`], unpacked);
  const archive = join(unpacked, 'usr/src', `${wanted.package}.tar.xz`);
  const tree = join(into, 'tree');
  mkdirSync(tree);
  await run('tar', ['-xf', archive, '-C', tree, '--strip-components=1', '--no-same-owner']);
  rmSync(unpacked, { recursive: true });
  copyFileSync(join(repository, offsetsSource), join(tree, `${offsetsPlace}.c`));
  // Only files that a Makefile knows of can be compiled by name.
  const makefile = join(tree, dirname(offsetsPlace), 'Makefile');
  appendFileSync(makefile, `\ntargets += ${basename(offsetsPlace)}.s\n`);
  return tree;
}

/** @throws Error naming the options that the kernel's own rules changed. */
async function configure(wanted: BuiltSeries, tree: string): Promise<void> {
  const config = join(repository, wanted.config);
  await make(tree, [`KCONFIG_ALLCONFIG=${config}`, 'allnoconfig']);
  const wrong = contradictions(readFileSync(config, 'utf8'), readFileSync(join(tree, '.config'), 'utf8'));
  if (wrong.length > 0) throw new Error(`${wanted.config} asks for what cannot be: ${wrong.join(', ')}`);
}

/** Everything else on the machine goes first. */
async function make(tree: string, args: readonly string[], onLine?: (line: string) => void): Promise<void> {
  const env = { ...process.env, ...identity, LC_ALL: 'C' };
  const options = { cwd: tree, env, timeoutMs: buildTimeoutMs, ...(onLine && { onLine }) };
  await follow('nice', ['-n', '19', 'make', ...args], options);
}

/** Gathers what the cache keeps of a build. */
async function collect(tree: string, into: string): Promise<void> {
  copyFileSync(join(tree, 'arch/x86/boot/bzImage'), join(into, 'vmlinuz'));
  copyFileSync(join(tree, '.config'), join(into, 'config'));
  const release = readFileSync(join(tree, 'include/config/kernel.release'), 'utf8').trim();
  writeFileSync(join(into, 'release'), release);
  const offsets = parseOffsets(readFileSync(join(tree, `${offsetsPlace}.s`), 'utf8'));
  writeFileSync(join(into, 'offsets.json'), `${JSON.stringify(offsets, undefined, 1)}\n`);
  // Everything is built in.
  using writer = new CpioWriter(join(into, 'modules.cpio'));
  writer.file('lib/weir/modules', Buffer.alloc(0));
  writer.finish();
}
