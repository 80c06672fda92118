/** The server as a child of the collector: started, started again when it dies, and ended. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { OptionError } from '@weir/ebpf/errors';
import { KEEP, REFUSED, RELOAD, RELOADED, STOP } from './control-input.js';
import type { ServerSettings } from './settings.js';

/** How to run a server. */
export interface ServerChildOptions {
  /** A program and its arguments. It reads its settings as a line of JSON from standard input. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Its `inherited` are descriptors of this process, which the server gets by the same numbers. */
  readonly settings: ServerSettings;
  /** A descriptor of this process that the server keeps open, with the number {@link keptNumber}. */
  readonly keep?: number;
  /** Called with the process id of each server that is started. */
  readonly onSpawn?: (pid: number) => void;
  /** Reports that it ended, and when it is started again. */
  readonly onProblem: (message: string) => void;
}

const LEAST_WAIT_MS = 200;
const MOST_WAIT_MS = 10_000;
/** A server that ran for this long starts with the least wait again. */
const STEADY_MS = 30_000;
/** The time in which it has to end in order. */
const STOP_MS = 20_000;
/** It is tried so often before it has ever worked. */
const MOST_DEATHS = 3;
/** Its exit status where the configuration is wrong: another start would end in the same way. */
const USAGE_STATUS = 2;

/** The time in which it has to answer a reload. */
const RELOAD_MS = 10_000;

/** Inherited sockets have the numbers behind those of the standard streams, as systemd gives them. */
function stdioOf({ inherited = [] }: ServerSettings, keep: number | undefined): StdioOptions {
  return ['pipe', 'pipe', 'inherit', ...inherited, ...(keep === undefined ? [] : [keep])];
}

/** The number that a kept descriptor has in the server. @param inherited Sockets that listen already. */
export function keptNumber(inherited: readonly number[] = []): number {
  return 3 + inherited.length;
}

/** The server cannot use its configuration, and has said why. */
export class ServerRefusedError extends OptionError {
  override name = 'ServerRefusedError';
}

/** Keeps a server running: its process starts at once, and waits until it is to begin. */
export class ServerChild implements AsyncDisposable {
  readonly #options: ServerChildOptions;
  readonly #failed: (error: Error) => void;
  /** Rejects when the server cannot run at all. */
  readonly failure: Promise<never>;
  #settings: ServerSettings;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #waitMs = LEAST_WAIT_MS;
  #timer: NodeJS.Timeout | undefined;
  #answered: (line: string) => void = () => {};
  #hasBegun = false;
  /** The process has its settings. */
  #isGiven = false;
  #givenMs = 0;
  #isStopping = false;
  #deaths = 0;
  #hasWorked = false;

  constructor(options: ServerChildOptions) {
    this.#options = options;
    this.#settings = options.settings;
    let failed: (error: Error) => void = () => {};
    this.failure = new Promise<never>((_, reject) => {
      failed = reject;
    });
    this.failure.catch(() => {});
    this.#failed = failed;
    this.#start();
  }

  /** Its process id; undefined while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** It opens the history and answers. Before this, its program is loaded while something else is prepared. */
  begin(): void {
    this.#hasBegun = true;
    this.#giveSettings();
  }

  /** A collector's batches are being taken: from now on it is started again however often it dies. */
  works(): void {
    this.#hasWorked = true;
  }

  /**
   * Has it use other settings as far as it can while it runs, and all of them when it is started again.
   *
   * @returns Why it does not; then the earlier ones stay.
   */
  async reload(settings: ServerSettings): Promise<string | undefined> {
    const child = this.#child;
    const answer = new Promise<string>((resolve) => {
      this.#answered = resolve;
    });
    const tooLate = setTimeout(() => this.#answered('refused the server does not answer'), RELOAD_MS);
    if (child === undefined) this.#answered(RELOADED);
    else child.stdin?.write(`${RELOAD}${JSON.stringify(settings)}\n`);
    const text = await answer;
    clearTimeout(tooLate);
    if (text.startsWith(REFUSED)) return text.slice(REFUSED.length);
    this.#settings = settings;
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  #start(): void {
    this.#isStopping = false;
    const [program, ...args] = this.#options.command;
    const child = spawn(program, args, { stdio: stdioOf(this.#settings, this.#options.keep) });
    this.#isGiven = false;
    this.#child = child;
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    // It may end before it has read anything.
    child.stdin?.on('error', () => {});
    if (this.#options.keep !== undefined) child.stdin?.write(`${KEEP}\n`);
    if (child.pid !== undefined) this.#options.onSpawn?.(child.pid);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#child = undefined;
        this.#failed(error);
        resolve();
      });
      child.once('exit', (code, signal) => {
        this.#child = undefined;
        // The next one begins with the settings that were not answered.
        this.#answered(RELOADED);
        resolve();
        if (!this.#isStopping)
          this.#died(code, signal, this.#isGiven ? performance.now() - this.#givenMs : 0);
      });
    });
  }

  #giveSettings(): void {
    this.#isGiven = true;
    this.#givenMs = performance.now();
    this.#child?.stdin?.write(`${JSON.stringify(this.#settings)}\n`);
  }

  #died(code: number | null, signal: string | null, ranMs: number): void {
    clearTimeout(this.#timer);
    this.#deaths++;
    const isHopeless = !this.#hasWorked && this.#deaths >= MOST_DEATHS;
    // One that has worked may do so again: a certificate is being replaced, perhaps.
    if (code === USAGE_STATUS && !this.#hasWorked) {
      this.#failed(
        new ServerRefusedError('the server does not start with this configuration: see what it said'),
      );
      return;
    }
    if (isHopeless) {
      this.#failed(new Error('the server does not start: see what it said'));
      return;
    }
    if (ranMs >= STEADY_MS) this.#waitMs = LEAST_WAIT_MS;
    const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
    this.#options.onProblem(`the server ${how}; it is started again in ${this.#waitMs / 1000} s`);
    const begin = () => {
      if (this.#hasBegun) this.#giveSettings();
    };
    // The next process is there at once, and has what it keeps, unless it would die at once, too.
    if (this.#isGiven) {
      this.#start();
      this.#timer = setTimeout(begin, this.#waitMs);
    } else {
      this.#timer = setTimeout(() => {
        this.#start();
        begin();
      }, this.#waitMs);
    }
    this.#waitMs = Math.min(MOST_WAIT_MS, this.#waitMs * 2);
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    if (this.#isGiven) child.stdin?.end(`${STOP}\n`);
    // It has nothing yet that could be lost.
    else child.kill('SIGKILL');
    const timer = setTimeout(() => {
      this.#options.onProblem('the server does not end: it is killed');
      child.kill('SIGKILL');
    }, STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
