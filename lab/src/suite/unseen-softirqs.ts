/**
 * Network softirqs that no BPF program could see. The kernel of some virtual machines runs no BPF program while a thread
 * of the machine's own first process is current, and counts that nowhere: what a softirq on top of it does to connections
 * is invisible to every tracer. A test that asks for exact counts proves nothing then.
 */

import { readFileSync } from 'node:fs';
import { type ArrayMap, createMap, MapType, ProgramType } from '@weir/ebpf';
import { assemble, attr, bpf, Command, Fd, insn, JmpOp, progLoadAttr } from '@weir/ebpf/sys';

/** NET_RX_SOFTIRQ of include/linux/interrupt.h: a packet's way up, and so nearly every change of a connection's state. */
const NET_RX = 3;

/** Counts network softirqs by a BPF program, and compares with the kernel's own count. Linux 5.2. */
export class UnseenSoftirqs implements Disposable {
  readonly #map: ArrayMap;
  readonly #fds: Fd[] = [];
  /** The kernel's count less the program's, at the last call. */
  #difference: number;

  /** @throws SyscallError where this process may not load or attach programs. */
  constructor() {
    const shape = { type: MapType.array, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 };
    this.#map = createMap({ name: 'net_rx', ...shape }) as ArrayMap;
    try {
      const program = this.#keep(bpf(Command.progLoad, countNetRx(this.#map.fd)));
      const attach = attr('rawTracepoint', { name: 'softirq_entry', progFd: program.fd });
      this.#keep(bpf(Command.rawTracepointOpen, attach));
      this.#difference = this.#largestDifference();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Network softirqs that the program has seen since it was attached. */
  get seen(): number {
    const bytes = this.#map.get(0);
    return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  }

  /** Network softirqs that it has not seen since the last call. As both counts go on while they are read, it may be too few. */
  take(): number {
    const kernel = countedByKernel();
    const unseen = kernel - this.seen - this.#difference;
    this.#difference = this.#largestDifference();
    return Math.max(0, unseen);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0).reverse()) fd[Symbol.dispose]();
    this.#map[Symbol.dispose]();
  }

  #keep(fd: number): Fd {
    const kept = new Fd(fd);
    this.#fds.push(kept);
    return kept;
  }

  #largestDifference(): number {
    const { seen } = this;
    return countedByKernel() - seen;
  }
}

function countNetRx(mapFd: number): ReturnType<typeof progLoadAttr> {
  const instructions = assemble(
    insn.load64(2, 1, 0),
    // A load of a map's value takes the place of two.
    insn.jumpIf(2, JmpOp.jne, NET_RX, 4),
    insn.loadMapValue(1, mapFd, 0),
    insn.movImmediate(2, 1),
    insn.atomicAdd64(1, 0, 2),
    insn.movImmediate(0, 0),
    insn.exit(),
  );
  return progLoadAttr({ progType: ProgramType.rawTracepoint, instructions });
}

/** Network softirqs of all CPUs since boot. */
function countedByKernel(): number {
  const line = readFileSync('/proc/softirqs', 'latin1')
    .split('\n')
    .find((text) => text.trimStart().startsWith('NET_RX:'));
  const counts = line?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  return counts.reduce((sum, count) => sum + count, 0);
}
