/** Gets a wait of the kernel over with while this process has other things to do. */
import { arch } from 'node:os';
import { type FeatureTable, features } from '@weir/ebpf';
import { type Fd, openIdleThreadEvent } from '@weir/ebpf/sys';

/**
 * Where accept() will probably be tried by a breakpoint (accept-breakpoint.ts): the first event of any thread waits for an RCU grace
 * period, which passes on another thread. Dispose when it was tried.
 */
export class EarlyEvent implements Disposable {
  #event: Fd | undefined;
  #disposed = false;

  constructor(table: FeatureTable = features) {
    if (arch() === 'x64' && table.probe('kprobe_pmu').state !== 'present') void this.#open();
  }

  async #open(): Promise<void> {
    try {
      this.#event = await openIdleThreadEvent();
    } catch {
      // Whatever the reason is, the start meets and names it.
    }
    if (this.#disposed) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#event?.[Symbol.dispose]();
  }
}
