/** The real `weir` command, as a process of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const bin = fileURLToPath(new URL('../../../bin/weir.js', import.meta.url));

export interface Ending {
  /** Exit status; null if a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `weir`. `prefix` is a command that runs it, such as setpriv with its options. */
export class WeirProcess implements Disposable {
  readonly pid: number;
  /** Resolves with how it ended and what it printed. */
  readonly ended: Promise<Ending>;
  readonly child: ChildProcess;
  readonly #ready: Promise<string>;

  constructor(args: readonly string[], prefix: readonly string[] = [], script = bin) {
    const [program, ...rest] = [...prefix, process.execPath, script, ...args];
    this.child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    assert.ok(this.child.pid !== undefined, `${program} was not started`);
    this.pid = this.child.pid;
    const [, , , readyPipe] = this.child.stdio;
    this.#ready = text(readyPipe as Readable);
    const closed = once(this.child, 'close') as Promise<[number | null]>;
    this.ended = Promise.all([closed, text(this.child.stdout!), text(this.child.stderr!)]).then(
      ([[status], stdout, stderr]) => ({ status, stdout, stderr }),
    );
  }

  /** Waits until it traces. The arguments must have `--ready-fd 3`. */
  async ready(): Promise<void> {
    if ((await this.#ready) === 'ready\n') return;
    const { status, stderr } = await this.ended;
    assert.fail(`weir was never ready, and ended with status ${status}: ${stderr}`);
  }

  /** Resolves once standard output has held so many lines. */
  async printed(lines: number): Promise<void> {
    let seen = 0;
    await new Promise<void>((resolve, reject) => {
      this.child.stdout!.on('data', (chunk: Buffer | string) => {
        seen += String(chunk).split('\n').length - 1;
        if (seen >= lines) resolve();
      });
      void this.ended.then(({ stderr }) => reject(new Error(`weir ended after ${seen} lines: ${stderr}`)));
    });
  }

  async end(signal: NodeJS.Signals): Promise<Ending> {
    this.child.kill(signal);
    return await this.ended;
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}

/** Runs it to its end. */
export async function runWeir(args: readonly string[], prefix: readonly string[] = []): Promise<Ending> {
  using weir = new WeirProcess(args, prefix);
  return await weir.ended;
}

/** Runs it while something happens, ends it, and returns what it printed. */
export async function traceWhile<T>(
  args: readonly string[],
  action: () => Promise<T>,
  prefix: readonly string[] = [],
): Promise<Ending & { readonly result: T }> {
  using weir = new WeirProcess(['trace', ...args, '--ready-fd', '3'], prefix);
  await weir.ready();
  const result = await action();
  return { result, ...(await weir.end('SIGINT')) };
}

/** The one line that standard error must hold, without `weir: ` and its line break. */
export function onlyLine(stderr: string): string {
  const match = /^weir: (.+)\n$/.exec(stderr);
  assert.ok(match, `not exactly one line: ${JSON.stringify(stderr)}`);
  return match[1]!;
}

/** Runs a command as a user without any privilege but these capabilities, such as `bpf`. */
export function asNobody(...capabilities: readonly string[]): string[] {
  const list = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  return ['setpriv', ...user, `--inh-caps=${list}`, `--ambient-caps=${list}`];
}
