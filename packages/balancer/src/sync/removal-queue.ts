/** Removals that other balancers ask for. */
import { OptionError } from '@weir/ebpf';
import type { Removal } from './removal.js';
import type { SyncedBalancer } from './sync-options.js';
import type { SyncWork } from './sync-work.js';

/** Removals that wait; each may walk through all tables. */
const MOST_REMOVALS = 64;

/** Makes one removal after another. */
export class RemovalQueue {
  readonly #balancer: SyncedBalancer;
  readonly #work: SyncWork;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #count = 0;

  constructor(balancer: SyncedBalancer, work: SyncWork) {
    this.#balancer = balancer;
    this.#work = work;
  }

  /** Removals since the start. */
  get count(): number {
    return this.#count;
  }

  /** Adds one, unless too many wait. */
  add(removal: Removal): void {
    if (this.#waiting >= MOST_REMOVALS) return;
    this.#waiting++;
    this.#count++;
    this.#last = this.#last.then(() => this.#remove(removal));
    this.#work.run(() => this.#last);
  }

  async #remove(removal: Removal): Promise<void> {
    try {
      if ('flow' in removal) await this.#balancer.removeFlow(removal.flow);
      else for await (const _ of this.#balancer.removeFlows(removal)) this.#work.throwIfEnded();
    } catch (error) {
      // It has no such service.
      if (!(error instanceof OptionError)) this.#work.log(error as Error);
    } finally {
      this.#waiting--;
    }
  }
}
