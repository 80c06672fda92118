/** A command that is run when a service's health changes. */
import { spawn } from 'node:child_process';
import type { ServiceHealth } from '../health/checked-services.js';
import type { ServiceState } from '../health/members.js';
import { serviceName } from '../service.js';

/** Options of {@link Hook}. */
export interface HookOptions {
  /** Program and arguments; no shell reads them. */
  readonly command: readonly [string, ...string[]];
  /** Time after which the command is killed, seconds. Default 30. */
  readonly timeout?: number;
  /** Called when the command could not be run, failed or was killed. */
  readonly onFailure: (message: string) => void;
}

/** Variables of the command's environment, besides this process's own. */
export function hookEnvironment({ service, state, up, reals }: ServiceHealth): Record<string, string> {
  return {
    WEIR_VIP: service.address,
    WEIR_PORT: String(service.port),
    WEIR_PROTOCOL: service.protocol,
    WEIR_STATE: state,
    WEIR_REALS_UP: String(up),
    WEIR_REALS: String(reals.length),
  };
}

interface Running {
  readonly reported: ServiceState;
  /** The newest health since the run began. */
  next: ServiceHealth | undefined;
}

/**
 * Runs the command, one at a time for a service. Changes during a run lead to one further run, with the newest state, if
 * that differs from the one reported last.
 */
export class Hook {
  readonly #options: HookOptions;
  readonly #running = new Map<string, Running>();
  readonly #waiting = new Set<() => void>();

  /** Makes a hook; nothing runs yet. */
  constructor(options: HookOptions) {
    this.#options = options;
  }

  /** Runs the command with a service's health, now or after the run in progress. */
  report(health: ServiceHealth): void {
    const name = serviceName(health.service);
    const running = this.#running.get(name);
    if (running !== undefined) running.next = health;
    else void this.#run(name, health);
  }

  /** Waits for the commands that are running. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async #run(name: string, first: ServiceHealth): Promise<void> {
    for (let health: ServiceHealth | undefined = first; health !== undefined; ) {
      const running: Running = { reported: health.state, next: undefined };
      this.#running.set(name, running);
      const failure = await runCommand(this.#options, hookEnvironment(health));
      if (failure !== undefined) this.#options.onFailure(failure);
      health = running.next?.state === running.reported ? undefined : running.next;
    }
    this.#running.delete(name);
    if (this.#running.size > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** @returns The reason for a failure. */
function runCommand(
  { command: [program, ...args], timeout = 30 }: HookOptions,
  environment: Record<string, string>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const deadline = setTimeout(() => child.kill('SIGKILL'), timeout * 1000);
    const end = (failure: string | undefined) => {
      clearTimeout(deadline);
      resolve(failure === undefined ? undefined : `on-change command ${program}: ${failure}`);
    };
    child.on('error', ({ message }) => end(message));
    child.on('exit', (code, signal) => {
      if (code === 0) end(undefined);
      else end(signal === null ? `exit status ${code}` : `killed by ${signal}, or after ${timeout} s`);
    });
  });
}
