/** The processes that a filter names by pid: once one has ended, the kernel may give its pid to another. */
import { monotonicNs, ProcessEnds } from '@weir/ebpf/sys';
import { inInitialPidNamespace } from '../enrich/pid-namespace.js';

export class FilteredProcesses implements Disposable {
  readonly #ends = new ProcessEnds();
  readonly #endedNs = new Map<number, number>();

  /**
   * A pid that no process has yet stands for all that will have it.
   *
   * @param pids in the initial pid namespace; elsewhere, processes cannot be watched by them.
   * @param onEnd Called for each that has ended. It must not throw.
   */
  constructor(pids: readonly number[] = [], onEnd: (pid: number) => void = () => {}) {
    if (pids.length === 0 || !inInitialPidNamespace()) return;
    for (const pid of new Set(pids)) {
      this.#ends.add(pid, () => {
        this.#endedNs.set(pid, Number(monotonicNs()));
        onEnd(pid);
      });
    }
  }

  /** Whether a process that has the pid at a moment on CLOCK_MONOTONIC, nanoseconds, can be the one that the filter means. */
  isMeant(pid: number, atNs: number): boolean {
    return atNs <= (this.#endedNs.get(pid) ?? Number.POSITIVE_INFINITY);
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#ends[Symbol.dispose]();
  }
}
