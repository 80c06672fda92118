/** Waiting that can be cut short. */
export class Pacer {
  #wake: (() => void) | undefined;

  /** Resolves after this time, milliseconds, or when woken. */
  async wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  wake(): void {
    this.#wake?.();
  }
}
