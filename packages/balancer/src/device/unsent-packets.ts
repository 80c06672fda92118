/** Counts packets that programs have sent, and that a driver did not take. */
import { statSync } from 'node:fs';
import { attachRawTracepoint, Collection, deviceIndex, type FdLink, setGlobal } from '@weir/ebpf';
import { encodeNumber } from '../datapath/encode.js';
import { readObject } from '../datapath/objects.js';
import { readUnsent } from '../generated/unsent.js';

/** Packets that were sent on and that a driver did not take. They are lost. */
export interface UnsentCounts {
  /** Packets to another device. */
  readonly redirected: number;
  /** Packets back by the device through which they came. */
  readonly transmitted: number;
}

/** Where a driver, and where the kernel does not take a packet. */
const programs = ['redirected', 'not_redirected', 'transmitted', 'not_transmitted'];

/**
 * Counts them by the kernel's tracepoints, from now on, for devices of this thread's network namespace. Other programs in a chain on these
 * devices count, too.
 */
export class UnsentPackets implements Disposable {
  readonly #collection: Collection;
  readonly #links: FdLink[] = [];

  /**
   * @param devices Names of the devices with programs.
   * @throws UnsupportedError, SyscallError, EbpfError where the kernel does not let its tracepoints be read, or has no BTF
   */
  constructor(devices: readonly string[]) {
    const spec = readObject('unsent.bpf.o');
    setGlobal(spec, 'network', statSync('/proc/thread-self/ns/net').ino);
    this.#collection = Collection.load(spec, { maxEntries: { entry_devices: Math.max(1, devices.length) } });
    try {
      for (const device of devices)
        this.#collection.map('entry_devices').update(encodeNumber(deviceIndex(device)), encodeNumber(1));
      for (const name of programs) this.#links.push(attachRawTracepoint(this.#collection.program(name)));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Packets since it was made. */
  counts(): UnsentCounts {
    const bytes = this.#collection.globals.read('unsent');
    return readUnsent(new DataView(bytes.buffer, bytes.byteOffset), 0);
  }

  /** Ends the count. */
  [Symbol.dispose](): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
    this.#collection[Symbol.dispose]();
  }
}

/**
 * The same where it works; else undefined, and `log` says why. A chain, in which this program has no device, has none.
 */
export function countUnsent(
  devices: readonly string[],
  log: (line: string) => void,
): UnsentPackets | undefined {
  if (devices.length === 0) return undefined;
  try {
    return new UnsentPackets(devices);
  } catch (error) {
    log(`packets that a driver does not take are not counted: ${(error as Error).message}`);
    return undefined;
  }
}
