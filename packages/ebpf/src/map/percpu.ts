/** Maps with a value for every CPU. */
import { OptionError } from '../errors.js';
import { possibleCpus } from '../sys/cpus.js';
import type { Fd } from '../sys/fd.js';
import { UpdateFlag } from '../uapi/flags.js';
import { BpfMap, type MapShape } from './map.js';

/** Bytes from one CPU's value to the next: the value's size rounded up to 8. */
export function percpuStride(valueSize: number): number {
  return (valueSize + 7) & ~7;
}

/**
 * A per-CPU hash or array (4.6), or LRU hash (4.10). A program sees its own CPU's value only; user space sees
 * those of all possible CPUs, in the order of {@link possibleCpus}. The methods inherited from {@link BpfMap}
 * handle them as one block of strides, as the kernel does; those here split it.
 */
export class PerCpuMap extends BpfMap {
  readonly #stride: number;
  readonly #cpuCount: number;

  /** Takes over the descriptor of a per-CPU map of the given shape. */
  constructor(fd: Fd, shape: MapShape) {
    const stride = percpuStride(shape.valueSize);
    const cpuCount = possibleCpus().length;
    super(fd, shape, stride * cpuCount);
    this.#stride = stride;
    this.#cpuCount = cpuCount;
  }

  /** How many values a key has: one for every possible CPU. */
  get cpuCount(): number {
    return this.#cpuCount;
  }

  /**
   * The values of a key, each of `valueSize` bytes, one for every possible CPU; `undefined` if the key is not
   * there.
   */
  lookupValues(key: Uint8Array): Uint8Array[] | undefined {
    const block = this.lookup(key);
    return block === undefined ? undefined : this.split(block);
  }

  /**
   * Sets the values of a key, one for every possible CPU.
   *
   * @throws OptionError for another number or size of values.
   */
  updateValues(key: Uint8Array, values: readonly Uint8Array[], flags: number = UpdateFlag.any): void {
    this.update(key, this.join(values), flags);
  }

  /** Every key with its values. */
  *entriesValues(): Generator<[Uint8Array, Uint8Array[]], void, undefined> {
    for (const [key, block] of this.entries()) yield [key, this.split(block)];
  }

  /**
   * Cuts a block of strides, such as a batch's, into one view for each CPU.
   *
   * @throws OptionError for another size.
   */
  split(block: Uint8Array): Uint8Array[] {
    if (block.length !== this.valueBytes) {
      throw new OptionError(
        `map ${this.name}: ${block.length} bytes of values, where all CPUs have ${this.valueBytes}`,
      );
    }
    return Array.from({ length: this.#cpuCount }, (_, cpu) =>
      block.subarray(cpu * this.#stride, cpu * this.#stride + this.valueSize),
    );
  }

  /**
   * Packs one value for each CPU into a block of strides.
   *
   * @throws OptionError for another number or size of values.
   */
  join(values: readonly Uint8Array[]): Uint8Array {
    if (values.length !== this.#cpuCount || values.some((value) => value.length !== this.valueSize)) {
      throw new OptionError(`map ${this.name}: wants ${this.#cpuCount} values of ${this.valueSize} bytes`);
    }
    const block = new Uint8Array(this.valueBytes);
    for (const [cpu, value] of values.entries()) block.set(value, cpu * this.#stride);
    return block;
  }
}
