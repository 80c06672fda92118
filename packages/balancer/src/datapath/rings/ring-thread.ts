/** A thread that builds rings ahead of their use. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RingInputs } from './ring.js';
import { SharedRings } from './shared-rings.js';

/** Fewer rings take less time than a thread's start. */
const WORTHWHILE = 64;

/** What the thread gets, as `workerData`. */
export interface RingThreadData {
  readonly rings: readonly RingInputs[];
  readonly memory: SharedArrayBuffer;
}

export class RingThread implements Disposable {
  readonly #rings: readonly RingInputs[];
  readonly #shared: SharedRings;

  /** @param shared That of a thread. */
  constructor(rings: readonly RingInputs[], shared: SharedRings) {
    this.#rings = rings;
    this.#shared = shared;
  }

  /** Starts one; undefined where it would not help, and where there can be none. */
  static start(rings: readonly RingInputs[]): RingThread | undefined {
    if (rings.length < WORTHWHILE || availableParallelism() < 2) return undefined;
    const shared = new SharedRings(rings.length);
    try {
      const workerData: RingThreadData = { rings, memory: shared.memory };
      const worker = new Worker(new URL('./ring-worker.js', import.meta.url), { workerData });
      worker.on('error', warn);
      worker.unref();
    } catch (error) {
      warn(error as Error);
      return undefined;
    }
    return new RingThread(rings, shared);
  }

  /** If the thread is building a ring: the next one, which the caller must build. Undefined elsewhere. */
  claimNext(index: number): RingInputs | undefined {
    return this.#shared.isUnderWay(index) && this.#shared.claim(index + 1)
      ? this.#rings[index + 1]
      : undefined;
  }

  /**
   * Copies a ring. Rings are asked for in their order, some may be left out.
   *
   * @param ring Memory with any content.
   * @returns false if the caller must build the ring.
   */
  take(index: number, ring: Uint16Array): boolean {
    return this.#shared.take(index, ring);
  }

  /** Ends the thread. */
  [Symbol.dispose](): void {
    this.#shared.end();
  }
}

/** Its user builds all rings then. */
function warn({ message }: Error): void {
  process.emitWarning(`rings are built by one thread alone: the other one failed: ${message}`);
}
