/** Constructors that may fail half-way. */

/**
 * Holds what a constructor has acquired so far, and disposes of it in reverse order unless {@link keep} is called:
 * declare it with `using` at the start, call `keep` at the end.
 */
export class Cleanup implements Disposable {
  #resources: Disposable[] = [];

  use<T extends Disposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Leaves all resources to their owner. */
  keep(): void {
    this.#resources = [];
  }

  [Symbol.dispose](): void {
    for (const resource of this.#resources.reverse()) resource[Symbol.dispose]();
    this.#resources = [];
  }
}
