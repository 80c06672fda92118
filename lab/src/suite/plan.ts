/** Assigns test files to the places where they run. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { architectureOf, arm64Kernels, isBuilt, kernels, series } from '../kernels/kernels.js';
import { repository } from '../paths.js';
import { arm64Kernel, isForArm64 } from './arm64-share.js';

/** A state of the kernel that some tests are about. */
interface Variant {
  /** Added to the kernel's command line: then the tests have a guest of their own. */
  readonly append?: string;
  /** A shell command that brings it about, for good: then the tests are the last of the kernel's guest. */
  readonly command?: string;
  /** Whether it hardly depends on the version: only the newest kernel has it, and with the matrix all. */
  readonly newest?: boolean;
}

/** What administrators harden hosts with, and CPUs that are kept free of other work; constants of programs are blinded. */
const hardened = [
  'lockdown=integrity',
  'sysctl.net.core.bpf_jit_harden=2',
  'sysctl.kernel.unprivileged_bpf_disabled=1',
  'sysctl.kernel.kptr_restrict=2',
  'sysctl.kernel.perf_event_paranoid=3',
  'isolcpus=1',
  'nohz_full=1',
].join(' ');

/** `NAME.noipv6.root.test.ts` runs only in guests without IPv6. */
export const variants: Readonly<Record<string, Variant>> = {
  noipv6: { append: 'ipv6.disable=1' },
  hardened: { append: hardened, newest: true },
  lockdown: { command: 'echo confidentiality >/sys/kernel/security/lockdown' },
};

/** Compiled test files, relative to the checkout, by where they run. */
export interface TestFiles {
  /** Need no privilege and no particular kernel. */
  readonly unit: readonly string[];
  /** Load programs into the kernel: on this machine, if root, and in every guest. */
  readonly root: readonly string[];
  /** As root on this machine alone: they need programs that guests do not have. */
  readonly host: readonly string[];
  /** Boot guests themselves, from this machine: the lab's own tests. */
  readonly boot: readonly string[];
  /** Only in guests whose kernel is in a special state. */
  readonly special: Readonly<Record<string, readonly string[]>>;
}

/** One guest's share. */
export interface GuestJob {
  readonly name: string;
  readonly kernel: string;
  readonly smp: number;
  readonly append?: string;
  /** In the order in which they run. */
  readonly files: readonly string[];
  /** Shell commands that go before some of the files. */
  readonly before: Readonly<Record<string, string>>;
}

/** Sorts compiled test files by their names' endings. Exported for the tests. */
export function classify(paths: readonly string[]): TestFiles {
  const special: Record<string, string[]> = {};
  const unit: string[] = [];
  const root: string[] = [];
  const host: string[] = [];
  const boot: string[] = [];
  for (const path of paths) {
    const variant = /\.(\w+)\.root\.test\.js$/.exec(path)?.[1];
    if (variant !== undefined && variant in variants) special[variant] = [...(special[variant] ?? []), path];
    else if (path.endsWith('.host.root.test.js')) host.push(path);
    else if (path.endsWith('.root.test.js')) root.push(path);
    else if (path.endsWith('.boot.test.js')) boot.push(path);
    else if (path.endsWith('.test.js')) unit.push(path);
  }
  return { unit, root, host, boot, special };
}

/** All compiled test files whose path contains `pattern`. A file whose source is gone is left out. */
export function findTestFiles(pattern = ''): TestFiles {
  const packages = readdirSync(join(repository, 'packages')).map((name) => `packages/${name}`);
  const paths = [...packages, 'examples', 'lab', 'bench', 'release'].flatMap((folder) => {
    const sources = new Set(listFiles(join(repository, folder, 'test')));
    const compiled = [...sources].filter((name) => name.endsWith('.test.ts'));
    return compiled.map((name) => `${folder}/dist/test/${name.replace(/\.ts$/, '.js')}`);
  });
  return classify(paths.filter((path) => path.includes(pattern)).sort());
}

/** Compiled programs that tests beside them start: `support/NAME-program.ts`. */
export function findPrograms(files: readonly string[]): string[] {
  const folders = new Set(
    files.map((file) => `${file.slice(0, file.indexOf('/dist/test/'))}/dist/test/support`),
  );
  return [...folders].flatMap((folder) =>
    listFiles(join(repository, folder))
      .filter((name) => name.endsWith('-program.js'))
      .map((name) => `${folder}/${name}`),
  );
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

/** Files that may run on a kernel that is built here unless it is asked for by name: the tracer's and the lab's own. */
const essential = /^(packages\/tracer|lab)\//;

/**
 * Not on a kernel that is built here: the tracer's files about the reader of records, about what processes do with sockets and
 * what /proc says of them, and about limits of older kernels that are imitated. None of them depends on where the types come from.
 */
const ofAnyTypes =
  /^packages\/tracer\/.*\/(api|cgroup-root|daemon|examples|many|older|owners|verified-once)\.newest\./;

/**
 * Files that run on a kernel which runs only a part unless it is asked for by name: those whose outcome the kernel decides,
 * as it verifies every object, and has the hooks, fields and types.
 */
const decided = new RegExp(
  [
    'balancer/dist/test/options',
    'ebpf/dist/test/(attach|attach-sockets|attach-user|enumerations|features|kernel-structs|libbpf|link|link-network|load|modules|typed-kinds)',
    'tracer/dist/test/(accept|cases|discovery|fast-open|fd|pairs|prior|tcp-walk|udp)',
  ]
    .map((path) => `^packages/${path}\\.root\\.test\\.js$`)
    .join('|'),
);

/**
 * Not on the newest kernel: this machine shows as much of them, at an eighth of the time. Options, files and lines of the commands, ways to
 * call the API, signals during a load, limits of older kernels that are imitated, states that a process leaves to the next one; what
 * programs do in the kernel is in other files. Where the tracer's types come from, what it does without one of them, its filters, connections
 * between namespaces and those that live are also tried on the kernel that has no types; privileges and kills in files that 5.10 and this kernel run.
 */
const shownHere = new RegExp(
  [
    'balancer/dist/test/(interrupted|nat-resume)',
    'cli/dist/test/(balance|balance-guide|balance-reals|balance-refused|doctor-capabilities|endings|privileges|refusals|top|trace)',
    'ebpf/dist/test/load-signals',
    'tracer/dist/test/(absent-field|api|connections|examples|filter|live|many|namespaces|older|types)',
  ]
    .map((path) => `^packages/${path}\\.newest\\.root\\.test\\.js$`)
    .join('|'),
);

/** It lies between two others that run the same, and more of it. */
const between = '6.18';

/**
 * Not on {@link between}: 6.12 and the newest kernel, on either side of it, run them. Whether types can be discovered and what a foreign loader makes
 * of the objects, definitions of the kernel against ours, network links and walks.
 */
const ofNeighbours = new RegExp(
  [
    'ebpf/dist/test/(enumerations|kernel-structs|libbpf|link-network|typed-kinds)',
    'tracer/dist/test/(discovery|tcp-walk)',
  ]
    .map((path) => `^packages/${path}\\.root\\.test\\.js$`)
    .join('|'),
);

/** Its guest has two CPUs, for what goes wrong only there. */
const twoCpus = '6.12';

/** Also on {@link twoCpus}: what reads while another CPU writes, and what is killed meanwhile. */
const ofTwoCpus =
  /^packages\/(cli\/dist\/test\/kill|ebpf\/dist\/test\/reader|tracer\/dist\/test\/(resume|tables))\.root\./;

/** The choice of guests. */
export interface GuestChoice {
  /** Kernels by name. Default: all of x64, and one of arm64, or all of it in the matrix. */
  readonly kernels?: readonly string[] | undefined;
  /** Whether every file runs on every kernel. */
  readonly matrix?: boolean;
}

function defaultKernels({ matrix }: GuestChoice): string[] {
  const arm64 = matrix === true ? arm64Kernels.map(({ name }) => name) : [arm64Kernel];
  return [...kernels.map(({ name }) => name), ...arm64];
}

/** Which files a kernel runs where nothing more is asked for. */
function share(kernel: string, isNewest: boolean): (path: string) => boolean {
  if (isBuilt(series(kernel))) return (path) => essential.test(path) && !ofAnyTypes.test(path);
  if (architectureOf(series(kernel)) === 'arm64') return isForArm64;
  if (series(kernel).partly)
    return (path) =>
      (decided.test(path) && !(kernel === between && ofNeighbours.test(path))) ||
      (kernel === twoCpus && ofTwoCpus.test(path));
  if (isNewest) return (path) => !shownHere.test(path);
  return (path) => !forNewest.test(path);
}

/** The guests to boot. */
export function guestJobs(files: TestFiles, choice: GuestChoice = {}): GuestJob[] {
  const jobs: GuestJob[] = [];
  const newest = kernels.at(-1)?.name;
  for (const kernel of choice.kernels ?? defaultKernels(choice)) {
    const whole = choice.matrix === true || choice.kernels !== undefined;
    const wanted = share(kernel, kernel === newest);
    const chosen = (paths: readonly string[] = []) => paths.filter((path) => whole || wanted(path));
    const add = (job: Pick<GuestJob, 'name' | 'smp' | 'files'> & Partial<GuestJob>) => {
      if (job.files.length > 0) jobs.push({ kernel, before: {}, ...job });
    };
    const states = Object.entries(variants).filter(([name]) => !series(kernel).without?.includes(name));
    const last = states.flatMap(([name, { command }]) =>
      chosen(files.special[name]).flatMap((file) =>
        command === undefined ? [] : [[file, command] as const],
      ),
    );
    const before = Object.fromEntries(last);
    const all = chosen(files.root);
    // The newest kernel's share is several times that of another: it has a guest more, so that nothing waits for it.
    const own = whole ? [] : all.filter((path) => kernel === newest && forNewest.test(path));
    add({
      name: kernel,
      smp: kernel === twoCpus ? 2 : 1,
      files: [...all.filter((path) => !own.includes(path)), ...Object.keys(before)],
      before,
    });
    add({ name: `${kernel} newest`, smp: 1, files: own });
    for (const [name, { append, newest: isForNewest = false }] of states) {
      if (append !== undefined && (whole || kernel === newest || !isForNewest))
        add({
          name: `${kernel} ${name}`,
          smp: isForNewest ? 2 : 1,
          append,
          files: chosen(files.special[name]),
        });
    }
  }
  return jobs;
}
