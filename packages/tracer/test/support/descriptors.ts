/** Processes that get file descriptors and report them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { features } from '@weir/ebpf';

const PROGRAM = fileURLToPath(new URL('./descriptor-program.js', import.meta.url));

/** A process that waits for a command to get descriptors. */
export class DescriptorProcess implements Disposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #interface: Interface;
  readonly #lines: AsyncIterator<string>;

  private constructor() {
    this.#child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.pid = this.#child.pid!;
    this.#interface = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  static async start(): Promise<DescriptorProcess> {
    const started = new DescriptorProcess();
    assert.equal(await started.#next(), 'ready');
    return started;
  }

  /** Makes it get so many, and three for sockets. @returns their numbers, in order. */
  async get(files: number): Promise<number[]> {
    this.#child.stdin!.write(`${files}\n`);
    return JSON.parse(await this.#next()) as number[];
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    assert.ok(done !== true, 'the process with descriptors ended before its time');
    return value;
  }

  [Symbol.dispose](): void {
    this.#interface.close();
    this.#child.kill('SIGKILL');
  }
}

/** Whether the kernel has what it takes to watch descriptors. */
export function canWatchFds(): boolean {
  return features.has('kprobe_pmu') || features.has('fentry');
}
