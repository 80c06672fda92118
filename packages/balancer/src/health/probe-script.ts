/** Checks by a command of root's file. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ProbeResult, ProbeTarget } from './probe-target.js';

/** The most commands that run at a time; others wait. */
const MOST_RUNNING = 16;
const MOST_OUTPUT = 4096;
const MOST_REASON = 80;

/** Runs commands a few at a time. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= MOST_RUNNING) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

const turns = new Turns();

/** Variables of the command's environment, besides this process's own. */
export function scriptEnvironment({ address, check }: ProbeTarget): Record<string, string> {
  const { service } = check;
  return {
    ...(service !== undefined && {
      WEIR_VIP: service.address,
      WEIR_PORT: String(service.port),
      WEIR_PROTOCOL: service.protocol,
    }),
    WEIR_REAL: address,
    WEIR_REAL_PORT: String(check.port),
  };
}

/** Runs the command; exit status 0 is good. Its time begins with the run. */
export function askScript(
  target: ProbeTarget,
  command: readonly [string, ...string[]],
): Promise<ProbeResult> {
  return turns.take(() => runOnce(target, command));
}

function runOnce(
  target: ProbeTarget,
  [program, ...args]: readonly [string, ...string[]],
): Promise<ProbeResult> {
  const { timeout } = target.check;
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        env: { ...process.env, ...scriptEnvironment(target) },
        stdio: ['ignore', 'pipe', 'ignore'],
        // It has a process group of its own, so that what it started ends with it.
        detached: true,
      });
    } catch (error) {
      resolve({
        ok: false,
        reason: plainText((error as NodeJS.ErrnoException).code ?? 'the command cannot be run'),
      });
      return;
    }
    let output = '';
    child.stdout?.on('data', (piece: Buffer) => {
      if (output.length < MOST_OUTPUT) output += piece.toString('latin1');
    });
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      killGroup(child);
    }, timeout);
    const end = (ok: boolean, otherwise: string) => {
      clearTimeout(late);
      // What it left running would run on for ever.
      killGroup(child);
      child.stdout?.destroy();
      const [line = ''] = output.split('\n', 1);
      resolve({ ok, reason: (isLate ? '' : plainText(line)) || otherwise });
    };
    child.on('error', ({ code = 'the command cannot be run' }: NodeJS.ErrnoException) =>
      end(false, plainText(code)),
    );
    child.on('exit', (code, signal) => {
      // What it wrote last arrives within this turn of the event loop.
      setImmediate(() => {
        if (isLate) end(false, `no end within ${timeout} ms`);
        else end(code === 0, code === null ? `killed by ${signal}` : `exit status ${code}`);
      });
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}

/** A few words in plain ASCII. */
function plainText(line: string): string {
  return line
    .replaceAll(/[^ -~]+/g, ' ')
    .trim()
    .slice(0, MOST_REASON);
}
