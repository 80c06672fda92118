/** HTTP load from a namespace, counted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { withNetns } from '@weir/ebpf/sys';

/** A request that was not answered. */
export interface LoadFailure {
  /** Whether it was sent over a kept connection or a new one. */
  readonly kind: 'kept' | 'new';
  readonly address: string;
  /** The real that answered earlier requests of the connection. */
  readonly real?: string | undefined;
  readonly error: string;
}

/** A line of the load generator. */
export type LoadLine = { readonly answers: Record<string, number> } | { readonly failure: LoadFailure };

export interface LoadOptions {
  readonly namespace: number;
  readonly addresses: readonly string[];
  readonly port: number;
  /** Number of kept connections to each address. */
  readonly kept: number;
  /** Number of loops of new connections to each address. */
  readonly fresh: number;
}

/** Results of some time. */
export interface LoadCount {
  /** Numbers of answered requests, by real. */
  readonly answers: Readonly<Record<string, number>>;
  readonly failures: readonly LoadFailure[];
}

const PROGRAM = fileURLToPath(new URL('load-program.js', import.meta.url));

/** A load generator that runs until it is disposed of. */
export class Load implements Disposable {
  readonly #child: ChildProcess;
  #answers: Record<string, number> = {};
  #failures: LoadFailure[] = [];
  #reports = 0;
  #wakeUp = () => {};

  constructor({ namespace, addresses, port, kept, fresh }: LoadOptions) {
    const args = [PROGRAM, port, kept, fresh, ...addresses].map(String);
    this.#child = withNetns(namespace, () =>
      spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take(JSON.parse(line)));
  }

  /** Results since the last call. */
  take(): LoadCount {
    const count = { answers: this.#answers, failures: this.#failures };
    this.#answers = {};
    this.#failures = [];
    return count;
  }

  /** Waits for some reports whose requests were all sent after this call. */
  async reports(count: number): Promise<void> {
    const wanted = this.#reports + count + 1;
    while (this.#reports < wanted) {
      if (this.#child.exitCode !== null) throw new Error('the load generator has ended');
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve;
      });
    }
  }

  #take(line: LoadLine): void {
    if ('failure' in line) {
      this.#failures.push(line.failure);
      return;
    }
    for (const [real, count] of Object.entries(line.answers)) {
      this.#answers[real] = (this.#answers[real] ?? 0) + count;
    }
    this.#reports++;
    this.#wakeUp();
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
