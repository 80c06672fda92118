/** Finds connections whose end no program saw: entries of the flow table whose socket is closed. */
import { attachIterator, type BpfMap, type IteratorLink, type Program } from '@weir/ebpf';
import { readClosedFlow, sizeofClosedFlow } from '../generated/tcp.js';

/** Reads what the iterator over the flow table writes; replaced in tests. */
export interface ClosedFlowReader extends Disposable {
  /** One struct closed_flow for each entry whose socket is closed, and one behind them with the place of the last of all entries. */
  read(): Uint8Array;
  isEmpty(): boolean;
  /** Removes the entry of a socket. */
  remove(socket: Uint8Array): void;
}

/** Ends that no program saw, found by looking at the flow table from time to time. See bpf/missed-ends.h. */
export class ClosedFlows implements Disposable {
  readonly #reader: ClosedFlowReader;
  #suspects: ReadonlySet<string> = new Set();
  /** Ends found so far. */
  missed: number;

  /** @param missed Ends that were found in the same table before. */
  constructor(reader: ClosedFlowReader, missed = 0) {
    this.#reader = reader;
    this.missed = missed;
  }

  /**
   * Counts and removes the entries that were closed at the last look already: connect() and accept() enter a socket a moment
   * before it has its state.
   *
   * @returns the number of entries that the next look will count if they are still there.
   */
  look(): number {
    const bytes = this.#reader.read();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const suspects = new Set<string>();
    for (let at = 0; at + sizeofClosedFlow <= bytes.length; at += sizeofClosedFlow) {
      const { sk, idNs, idCpu } = readClosedFlow(view, at);
      if (sk === 0) continue;
      const name = `${sk} ${idNs} ${idCpu}`;
      if (this.#suspects.has(name)) {
        this.#reader.remove(bytes.slice(at, at + 8));
        this.missed++;
      } else {
        suspects.add(name);
      }
    }
    this.#suspects = suspects;
    return suspects.size;
  }

  /**
   * The entries of the flow table. To read its keys would keep kprobes and perf events of this CPU from running
   * (bpf_disable_instrumentation).
   *
   * @returns Undefined where a program that an earlier version left does not say so.
   */
  count(): number | undefined {
    const bytes = this.#reader.read();
    if (bytes.length === 0) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { sk, idNs: last } = readClosedFlow(view, bytes.length - sizeofClosedFlow);
    if (sk !== 0) return undefined;
    // That is 0 also where there is none.
    return last === 0 && this.#reader.isEmpty() ? 0 : last + 1;
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }
}

/** Reads the table through an iterator over its elements (5.9). @throws SyscallError */
export function openClosedFlows(program: Program, flows: BpfMap, missed?: number): ClosedFlows {
  const link: IteratorLink = attachIterator(program, { mapFd: flows.fd });
  const reader = {
    read: () => link.read(),
    isEmpty: () => flows.nextKey(undefined) === undefined,
    remove: (socket: Uint8Array) => void flows.delete(socket),
    [Symbol.dispose]: () => link[Symbol.dispose](),
  };
  return new ClosedFlows(reader, missed);
}
