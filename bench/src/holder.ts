/** Connections that `weir-load hold` opens, and closes on demand. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';

export class Holder {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  /** @param sent Bytes that each client sends. @param replied Bytes that it gets back. */
  constructor(program: string, netns: string, count: number, sent: number, replied: number) {
    // A reset ends both ends at once, in the process that closes; timers would end them in anybody's context.
    const args = [
      '--count',
      `${count}`,
      '--send',
      `${sent}`,
      '--reply',
      `${replied}`,
      '--closer',
      'reset-client',
    ];
    const command = ['netns', 'exec', netns, program, 'hold', ...args, '--timeout', '600'];
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! });
  }

  async open(): Promise<void> {
    await this.#until('holding');
  }

  async close(): Promise<void> {
    await this.#until('totals');
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Goes on to the next line of a kind. */
  #until(kind: string): Promise<void> {
    const prefix = `{"kind":"${kind}"`;
    const reached = new Promise<void>((resolve, reject) => {
      const failed = (status: number | null) => reject(new Error(`weir-load ended with status ${status}`));
      this.#child.once('exit', failed);
      const onLine = (line: string) => {
        if (!line.startsWith(prefix)) return;
        this.#child.off('exit', failed);
        this.#lines.off('line', onLine);
        resolve();
      };
      this.#lines.on('line', onLine);
    });
    this.#child.stdin!.write('go\n');
    return reached;
  }
}
