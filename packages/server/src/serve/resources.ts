/** What a process has opened so far. */

/** Ends everything in reverse order. One that fails does not keep the others from it. */
export class Resources implements AsyncDisposable {
  readonly #ends: (() => unknown)[] = [];

  /** Takes charge of a resource. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.#ends.push(() =>
      Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose](),
    );
    return resource;
  }

  /** Takes charge of what a function ends. */
  defer(end: () => unknown): void {
    this.#ends.push(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
