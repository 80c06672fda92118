/** Whether this machine's kernel kept BPF programs from seeing packets while a test file ran. */

import { SyscallError } from '@weir/ebpf';
import type { Witness } from './run-files.js';
import { UnseenSoftirqs } from './unseen-softirqs.js';

/** Objects to a failure only where packets went unseen. A kernel that does not let it watch gets no objections. */
export class SoftirqWitness implements Witness, Disposable {
  readonly #softirqs = watch();

  reset(): void {
    this.#softirqs?.take();
  }

  objection(): string | undefined {
    const unseen = this.#softirqs?.take() ?? 0;
    if (unseen === 0) return undefined;
    return `this machine's kernel ran no BPF program during ${unseen} network softirqs, and counted that nowhere`;
  }

  [Symbol.dispose](): void {
    this.#softirqs?.[Symbol.dispose]();
  }
}

function watch(): UnseenSoftirqs | undefined {
  try {
    return new UnseenSoftirqs();
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}
