/** Running the host's programs, with errors that show what was run and what it said. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until the program is killed. Default: ten minutes. */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** Exit status, or 128 plus the signal's number as a shell would say; 127 if the program does not exist. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
};

/** Runs a program to its end. Never throws for what the program did. */
export function attempt(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { timeoutMs = 600_000 } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (error) => resolve({ status: 127, stdout: Buffer.alloc(0), stderr: error.message }));
    child.on('close', (code, signal) =>
      resolve({
        status: code ?? 128 + (signalNumbers[signal ?? 'SIGKILL'] ?? 15),
        stdout: Buffer.concat(out),
        // Nothing else here kills it.
        stderr: `${Buffer.concat(err)}${child.killed ? `${program} was killed after ${timeoutMs / 1000} s` : ''}`,
      }),
    );
  });
}

/**
 * Runs a program and returns what it printed.
 *
 * @throws Error with the command line, the exit status and everything printed, unless the status is 0.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Buffer> {
  const result = await attempt(program, args, options);
  if (result.status !== 0) {
    const said = `${result.stderr}${result.stdout.subarray(0, 20_000).toString()}`.trim();
    throw new Error(`${program} ${args.join(' ')}\nended with status ${result.status}:\n${said}`);
  }
  return result.stdout;
}

export interface FollowOptions extends CommandOptions {
  /** Receives each line of the standard output. */
  readonly onLine?: (line: string) => void;
}

/** Ends a child that leads a group of its own (`detached`), and whatever it started. */
export function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Nothing of the group is left.
  }
}

/**
 * Runs a program that takes long, following what it prints. It and all that it starts end with this process.
 *
 * @throws Error with the last 40 lines it printed, unless the status is 0.
 */
export async function follow(
  program: string,
  args: readonly string[],
  options: FollowOptions = {},
): Promise<void> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that it ends together with what it started.
    detached: true,
  });
  const endGroup = () => killGroup(child);
  const timer = setTimeout(endGroup, options.timeoutMs ?? 600_000);
  process.once('exit', endGroup);
  const last: string[] = [];
  const keep = (line: string) => {
    last.push(line);
    if (last.length > 40) last.shift();
  };
  createInterface({ input: child.stderr }).on('line', keep);
  createInterface({ input: child.stdout }).on('line', (line) => {
    keep(line);
    options.onLine?.(line);
  });
  const status = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  clearTimeout(timer);
  process.removeListener('exit', endGroup);
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')}\nended with status ${status}:\n${last.join('\n')}`);
  }
}
