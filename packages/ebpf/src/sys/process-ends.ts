/** Learning that processes have ended, by pidfd_open(2) (5.3). */
import { Readiness } from './epoll.js';
import { Fd } from './fd.js';
import { isReadable } from './poll.js';
import { syscallRaw } from './syscalls.js';

/** Ends of processes. Keeps no process alive, neither those it watches nor this one. */
export class ProcessEnds implements Disposable {
  #readiness: Readiness | undefined;
  readonly #processes = new Map<Fd, () => void>();
  #waits = false;

  /**
   * Watches the process that has this pid now, in the pid namespace of this process.
   *
   * @param onEnd Called once, when all its threads have ended. It must not throw.
   * @returns false where no process has the pid, or the kernel cannot watch it: then it is never called.
   */
  add(pid: number, onEnd: () => void): boolean {
    const result = syscallRaw('pidfd_open', pid, 0);
    if (result < 0) return false;
    const process = new Fd(result);
    this.#readiness ??= new Readiness(false);
    this.#readiness.add(process.fd);
    this.#processes.set(process, onEnd);
    if (!this.#waits) void this.#wait(this.#readiness);
    return true;
  }

  async #wait(readiness: Readiness): Promise<void> {
    this.#waits = true;
    await readiness.wait(() => this.#look());
    this.#waits = false;
  }

  /** Whether all have ended. */
  #look(): boolean {
    for (const [process, onEnd] of this.#processes) {
      if (!isReadable(process.fd)) continue;
      this.#forget(process);
      onEnd();
    }
    return this.#processes.size === 0;
  }

  #forget(process: Fd): void {
    this.#processes.delete(process);
    process[Symbol.dispose]();
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#readiness?.[Symbol.dispose]();
    for (const process of [...this.#processes.keys()]) this.#forget(process);
  }
}
