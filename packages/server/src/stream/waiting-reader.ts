/** A reader that waits until there is something to read. */
export class WaitingReader {
  #wake: (() => void) | undefined;

  /** There is something now. */
  wake(): void {
    this.#wake?.();
  }

  /** Waits for {@link WaitingReader.wake}. @throws the signal's reason */
  async wait(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#wake = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }
}
