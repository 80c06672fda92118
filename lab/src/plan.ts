/** Which test files run where. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isBuilt, kernels, series } from './kernels.js';
import { repository } from './paths.js';

/** Ways to boot a guest that some tests are about. `NAME.noipv6.root.test.ts` runs only in a guest without IPv6. */
export const variants: Readonly<Record<string, string>> = {
  noipv6: 'ipv6.disable=1',
  lockdown: 'lockdown=confidentiality',
};

/** Compiled test files, relative to the checkout, by where they run. */
export interface TestFiles {
  /** Need no privilege and no particular kernel. */
  readonly unit: readonly string[];
  /** Load programs into the kernel: on this machine, if root, and in every guest. */
  readonly root: readonly string[];
  /** Boot guests themselves, from this machine: the lab's own tests. */
  readonly boot: readonly string[];
  /** Only in guests booted in a special way. */
  readonly special: Readonly<Record<string, readonly string[]>>;
}

/** One guest's share. */
export interface GuestJob {
  readonly name: string;
  readonly kernel: string;
  readonly smp: number;
  readonly append?: string;
  readonly files: readonly string[];
}

/** Sorts compiled test files by their names' endings. Exported for the tests. */
export function classify(paths: readonly string[]): TestFiles {
  const special: Record<string, string[]> = {};
  const unit: string[] = [];
  const root: string[] = [];
  const boot: string[] = [];
  for (const path of paths) {
    const variant = /\.(\w+)\.root\.test\.js$/.exec(path)?.[1];
    if (variant !== undefined && variant in variants) special[variant] = [...(special[variant] ?? []), path];
    else if (path.endsWith('.root.test.js')) root.push(path);
    else if (path.endsWith('.boot.test.js')) boot.push(path);
    else if (path.endsWith('.test.js')) unit.push(path);
  }
  return { unit, root, boot, special };
}

/** All compiled test files whose path contains `pattern`. A file whose source is gone is left out. */
export function findTestFiles(pattern = ''): TestFiles {
  const packages = readdirSync(join(repository, 'packages')).map((name) => `packages/${name}`);
  const paths = [...packages, 'lab', 'bench'].flatMap((folder) => {
    const sources = new Set(listFiles(join(repository, folder, 'test')));
    const compiled = [...sources].filter((name) => name.endsWith('.test.ts'));
    return compiled.map((name) => `${folder}/dist/test/${name.replace(/\.ts$/, '.js')}`);
  });
  return classify(paths.filter((path) => path.includes(pattern)).sort());
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}

/**
 * `NAME.newest.root.test.ts` is about what hardly depends on the version: it runs on this machine and on the newest kernel, and
 * like everything else on a kernel that is built here.
 */
const forNewest = /\.newest\.root\.test\.js$/;

/** `NAME.host.root.test.ts` needs programs that guests do not have: it runs on this machine alone. */
const forHost = /\.host\.root\.test\.js$/;

/** What runs on a kernel that is built here, unless it is asked for by name: the tracer, and that guests are in order. */
const essential = /^(packages\/tracer|lab)\//;

/** Which guests are wanted. */
export interface GuestChoice {
  /** Kernels by name. Default: all. */
  readonly kernels?: readonly string[] | undefined;
  /** Whether every file runs on every kernel. */
  readonly matrix?: boolean;
}

/** The guests to boot. One kernel gets two CPUs, for what goes wrong only there. */
export function guestJobs(files: TestFiles, choice: GuestChoice = {}): GuestJob[] {
  const jobs: GuestJob[] = [];
  for (const kernel of choice.kernels ?? kernels.map(({ name }) => name)) {
    const whole = choice.matrix === true || choice.kernels !== undefined;
    const wanted = isBuilt(series(kernel))
      ? (path: string) => essential.test(path)
      : (path: string) => kernel === kernels.at(-1)?.name || !forNewest.test(path);
    const chosen = (paths: readonly string[] = []) =>
      paths.filter((path) => !forHost.test(path) && (whole || wanted(path)));
    const add = (name: string, smp: number, paths: readonly string[], append?: string) => {
      if (paths.length > 0) jobs.push({ name, kernel, smp, files: paths, ...(append && { append }) });
    };
    add(kernel, kernel === '6.12' ? 2 : 1, chosen(files.root));
    for (const [variant, append] of Object.entries(variants)) {
      if (series(kernel).without?.includes(variant)) continue;
      add(`${kernel} ${variant}`, 1, chosen(files.special[variant]), append);
    }
  }
  return jobs;
}
