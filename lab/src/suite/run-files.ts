/** Runs test files, a Node.js process each, on this machine or in a guest. */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { killGroup } from '../command.js';
import { type BootOptions, boot, LabError, quote } from '../guest/boot.js';
import { guestRepository } from '../guest/project.js';
import { architectureOf, series } from '../kernels/kernels.js';
import { repository } from '../paths.js';
import type { Architecture } from '../platforms.js';
import { encodeRecord } from './records.js';
import { Account, type SuiteResult } from './suite.js';

const reporter = 'lab/dist/src/suite/reporter.js';
/** A file whose runs prove nothing is run so often. */
const MAX_RUNS = 3;
/**
 * A guest may run this long in all, whatever its files may take each. Where arm64's run every file, a hundred of them, each takes 14 s on an
 * idle machine, and 50 s beside other work.
 */
const guestTimeoutMs: Readonly<Record<Architecture, number>> = { x64: 60 * 60_000, arm64: 120 * 60_000 };

export interface HostRun {
  readonly name: string;
  /** Paths relative to the checkout. */
  readonly files: readonly string[];
  /** Files at a time. */
  readonly concurrency: number;
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds for one file. */
  readonly timeoutMs: number;
  /** The Node.js that runs the files. Default: the one that runs this. */
  readonly node?: string;
  /** Whether the files get a mount namespace with the file systems that guests have. Needs root. */
  readonly ownMounts?: boolean;
  /** Judges whether a file's failure proves something. */
  readonly witness?: Witness;
}

/** Watches the machine while a file runs. */
export interface Witness {
  /** Begins anew. */
  reset(): void;
  /** Why a failure since the last reset may be the machine's; undefined: there is no reason. */
  objection(): string | undefined;
}

const mountScript = `
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
exec "$@"`;

export async function runOnHost(run: HostRun): Promise<SuiteResult> {
  const account = new Account(run.name, run.files);
  const queue = [...run.files];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      for (let runs = 1; runs <= MAX_RUNS && !account.has(file); runs++)
        await runFile(run, file, account, runs < MAX_RUNS ? run.witness : undefined);
    }
  };
  await Promise.all(Array.from({ length: run.concurrency }, worker));
  return account.finish();
}

function runFile(run: HostRun, file: string, account: Account, witness?: Witness): Promise<void> {
  witness?.reset();
  const { node: executable = process.execPath } = run;
  const node = [executable, `--test-reporter=${join(repository, reporter)}`, file];
  const enter = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mountScript, 'sh'];
  const [program, ...args] = run.ownMounts ? [...enter, ...node] : node;
  const parser = account.stream(() => witness?.objection());
  parser.write(encodeRecord({ type: 'start', file }));
  return new Promise((resolve) => {
    // A group of its own, so that the time limit also ends what the file started.
    const child = spawn(program!, args, {
      cwd: repository,
      // Set by a test runner around this one, the variable would have the file report to that.
      env: {
        ...process.env,
        PATH: `${dirname(executable)}:${process.env.PATH}`,
        NODE_TEST_CONTEXT: undefined,
        ...run.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const endGroup = () => killGroup(child);
    const timer = setTimeout(endGroup, run.timeoutMs);
    process.once('exit', endGroup);
    child.stdout.setEncoding('utf8').on('data', (text: string) => parser.write(text));
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', (error) => (errors += error.message));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      process.removeListener('exit', endGroup);
      parser.end();
      parser.write(errors);
      const status = code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 9);
      parser.write(encodeRecord({ type: 'end', file, status }));
      resolve();
    });
  });
}

export interface GuestRun extends Pick<BootOptions, 'kernel' | 'smp' | 'append' | 'env' | 'files'> {
  readonly name: string;
  /** Paths relative to the checkout. */
  readonly testFiles: readonly string[];
  /** Shell commands that go before some of the files. */
  readonly before: Readonly<Record<string, string>>;
  /** Milliseconds for one file. */
  readonly timeoutMs: number;
}

/** Runs test files in one guest. A guest that dies fails the files that had not come to their end. */
export async function runInGuest(run: GuestRun): Promise<SuiteResult> {
  const account = new Account(run.name, run.testFiles);
  const parser = account.stream();
  const onOutput = (text: string) => parser.write(text);
  const { kernel, smp, append, env, files } = run;
  const command = guestScript(run, Math.ceil(run.timeoutMs / 1000));
  try {
    const most = guestTimeoutMs[architectureOf(series(kernel))];
    const timeoutMs = Math.min(run.testFiles.length * run.timeoutMs, most);
    const result = await boot({
      kernel,
      smp,
      append,
      env,
      files,
      memory: 2048,
      command,
      onOutput,
      timeoutMs,
    });
    return account.finish(`the guest's script ended with status ${result.status} before it`);
  } catch (error) {
    const isDeath = error instanceof LabError && error.started;
    parser.end();
    return account.finish(isDeath ? error.message : `a failure of the lab, not of the test: ${error}`);
  }
}

/**
 * Under emulation, code that V8 compiles costs more than it saves: all of it has to be translated once more, and anew whenever more is
 * written beside it. Interpreted, files of the tracer take a sixth less. There is no WebAssembly then: V8 warns if that is not said, too.
 */
const emulated = '--jitless --no-expose-wasm';
/** Threads that collect garbage beside the program gain nothing where there is one CPU: without them, such files take a fifth less. */
const forOneCpu = '--single-threaded';

/** A shell script that runs each file and writes the records around it. */
function guestScript({ testFiles, before, smp }: GuestRun, timeoutSeconds: number): string {
  const flags = smp === 1 ? `${emulated} ${forOneCpu}` : emulated;
  const lines = testFiles.flatMap((file) => [before[file] ?? '', `run ${quote(file)}`]);
  return `
run() {
  printf '\\036{"type":"start","file":"%s"}\\n' "$1"
  timeout -s KILL ${timeoutSeconds} node ${flags} --test-reporter=${guestRepository}/${reporter} "$1"
  printf '\\036{"type":"end","file":"%s","status":%d}\\n' "$1" $?
}
${lines.join('\n')}`;
}
