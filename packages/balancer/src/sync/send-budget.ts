/** How many flows may be sent now. */
export class SendBudget {
  readonly #rate: number;
  #left: number;
  #at = performance.now();

  /** @param rate Flows in a second. */
  constructor(rate: number) {
    this.#rate = rate;
    this.#left = rate;
  }

  /** Takes so many, or as many as there are; returns their number. */
  take(wanted: number): number {
    const now = performance.now();
    this.#left = Math.min(this.#rate, this.#left + ((now - this.#at) * this.#rate) / 1000);
    this.#at = now;
    const count = Math.min(wanted, Math.floor(this.#left));
    this.#left -= count;
    return count;
  }
}
