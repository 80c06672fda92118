/** Socket marks of reals that are checked as clients' packets go, through the tunnel or directly. */

import { OptionError } from '@weir/ebpf';

/** The tunnel that sends packets with a mark to a real. */
export interface MarkedTunnel {
  /** Sets a mark's real; without an address, removes the mark. @throws OptionError for a real that it cannot reach. */
  set(mark: number, address: string | undefined): void;
  /** Sets a real that is reached without a tunnel, as it is reached now. @throws EbpfError while that is not known. */
  setDirect?(mark: number, address: string): void;
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
   * @param isDirect Whether the real is reached without a tunnel, see {@link point}.
   * @throws OptionError for a real that the tunnel cannot reach; SyscallError
   */
  of(address: string, isDirect = false): number {
    const name = nameOf(address, isDirect);
    const known = this.#marks.get(name);
    if (known !== undefined) return known;
    const mark = this.#free.at(-1) ?? this.#unused;
    if (!isDirect) this.#tunnel.set(mark, address);
    if (this.#free.pop() === undefined) this.#unused++;
    this.#marks.set(name, mark);
    return mark;
  }

  /** Has the mark of a real without a tunnel lead to where that is now. @throws EbpfError while that is not known; SyscallError */
  point(address: string): void {
    const mark = this.#marks.get(nameOf(address, true));
    if (this.#tunnel.setDirect === undefined) throw new OptionError('these marks lead into tunnels only');
    if (mark !== undefined) this.#tunnel.setDirect(mark, address);
  }

  /** Releases a real's mark. */
  release(address: string, isDirect = false): void {
    const name = nameOf(address, isDirect);
    const mark = this.#marks.get(name);
    if (mark === undefined) return;
    this.#tunnel.set(mark, undefined);
    this.#marks.delete(name);
    this.#free.push(mark);
  }
}

function nameOf(address: string, isDirect: boolean): string {
  return isDirect ? `direct ${address}` : address;
}
