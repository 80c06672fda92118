/** A balancer in a separate process, which can be killed: its methods are called by messages, each with an answer. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { withNetns } from '@weir/ebpf/sys';
import { Balancer, type BalancerOptions } from '../../src/index.js';

type Method = Exclude<keyof Balancer, 'process' | 'program' | 'capture' | 'resumed' | typeof Symbol.dispose>;
type Call = { open: BalancerOptions } | { method: Method; args: unknown[] };

/** When it is run as a program, this file is the balancer's process. */
if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) serve();

function serve(): void {
  let balancer: Balancer | undefined;
  process.on('message', (call: Call) => {
    try {
      if ('open' in call) {
        balancer = Balancer.open(call.open);
        process.send!({ result: balancer.resumed });
      } else {
        const method = balancer![call.method] as (...args: unknown[]) => unknown;
        process.send!({ result: method.apply(balancer, call.args) ?? null });
      }
    } catch (error) {
      process.send!({ error: (error as Error).message });
    }
  });
}

const running = new Set<ChildProcess>();

/** Ends the processes that a failed test left running, for use in `after`. */
export function endProcesses(): void {
  for (const child of running) child.kill('SIGKILL');
}

export class BalancerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param namespace The namespace in which it runs. */
  static start(namespace: number): BalancerProcess {
    const child = withNetns(namespace, () => fork(fileURLToPath(import.meta.url)));
    running.add(child);
    child.on('exit', () => running.delete(child));
    return new BalancerProcess(child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /**
   * Opens the balancer; returns whether it resumed an earlier one. @throws Error with the message of the balancer's error
   */
  async open(options: BalancerOptions): Promise<boolean> {
    return (await this.#ask({ open: options })) as boolean;
  }

  async call<M extends Method>(
    method: M,
    ...args: Parameters<Balancer[M]>
  ): Promise<ReturnType<Balancer[M]>> {
    return (await this.#ask({ method, args })) as ReturnType<Balancer[M]>;
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #ask(call: Call): Promise<unknown> {
    const answered = once(this.#child, 'message');
    this.#child.send(call);
    const [answer] = (await answered) as [{ result?: unknown; error?: string }];
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }
}
