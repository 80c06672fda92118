/** Socket marks of reals that are checked through the tunnel. */

/** What sends packets with a mark to a real. */
export interface MarkedTunnel {
  /** @throws OptionError for a real that it cannot reach. */
  set(mark: number, address: string | undefined): void;
}

/** Where marks begin that are not asked to begin elsewhere: others use small ones, or single bits. */
const FIRST_MARK = 0x57e1_0000;

/** Gives each real a mark while its checks need one. */
export class ProbeMarks {
  readonly #tunnel: MarkedTunnel;
  readonly #marks = new Map<string, number>();
  readonly #free: number[] = [];
  #unused: number;

  /** @param first marks from here on are taken, one a real. */
  constructor(tunnel: MarkedTunnel, first: number = FIRST_MARK) {
    this.#tunnel = tunnel;
    this.#unused = first;
  }

  /** @throws OptionError for a real that the tunnel cannot reach; SyscallError */
  of(address: string): number {
    const known = this.#marks.get(address);
    if (known !== undefined) return known;
    const mark = this.#free.at(-1) ?? this.#unused;
    this.#tunnel.set(mark, address);
    if (this.#free.pop() === undefined) this.#unused++;
    this.#marks.set(address, mark);
    return mark;
  }

  /** Nothing is sent to the real any more. */
  release(address: string): void {
    const mark = this.#marks.get(address);
    if (mark === undefined) return;
    this.#tunnel.set(mark, undefined);
    this.#marks.delete(address);
    this.#free.push(mark);
  }
}
