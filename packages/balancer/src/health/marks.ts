/** Socket marks of reals that are checked through the tunnel. */

/** The tunnel that sends packets with a mark to a real. */
export interface MarkedTunnel {
  /** Sets a mark's real; without an address, removes the mark. @throws OptionError for a real that it cannot reach. */
  set(mark: number, address: string | undefined): void;
}

/** The default first mark. Other software uses small marks, or single bits. */
const firstMark = 0x57e1_0000;

/** Assigns a mark to each real while its checks need one. */
export class ProbeMarks {
  readonly #tunnel: MarkedTunnel;
  readonly #marks = new Map<string, number>();
  readonly #free: number[] = [];
  #unused: number;

  /**
   * Makes marks for a tunnel; none is assigned yet.
   *
   * @param first Marks are assigned from this one on, one for each real; 1 to 4294967295. Default 0x57e10000.
   */
  constructor(tunnel: MarkedTunnel, first: number = firstMark) {
    this.#tunnel = tunnel;
    this.#unused = first;
  }

  /**
   * The mark of a real, assigned at the first call.
   *
   * @throws OptionError for a real that the tunnel cannot reach; SyscallError
   */
  of(address: string): number {
    const known = this.#marks.get(address);
    if (known !== undefined) return known;
    const mark = this.#free.at(-1) ?? this.#unused;
    this.#tunnel.set(mark, address);
    if (this.#free.pop() === undefined) this.#unused++;
    this.#marks.set(address, mark);
    return mark;
  }

  /** Releases a real's mark. */
  release(address: string): void {
    const mark = this.#marks.get(address);
    if (mark === undefined) return;
    this.#tunnel.set(mark, undefined);
    this.#marks.delete(address);
    this.#free.push(mark);
  }
}
