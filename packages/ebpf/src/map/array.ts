/** Arrays, and the memory of those that can be mapped. */
import { EbpfError, OptionError } from '../errors.js';
import { Mapping, pageSize } from '../sys/memory.js';
import { MapFlag } from '../uapi/flags.js';
import { BpfMap } from './map.js';

/** A key of an array: the index, from 0, as 4 bytes in host byte order. */
export function indexKey(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}

/** An array, BPF_MAP_TYPE_ARRAY (3.19). All elements exist from the start, as zeros. */
export class ArrayMap extends BpfMap {
  readonly #mappings: Mapping[] = [];

  /** The value at an index, a copy of `valueSize` bytes. @throws OptionError beyond the end; SyscallError */
  get(index: number): Uint8Array {
    const value = this.lookup(indexKey(index));
    if (value === undefined)
      throw new OptionError(`map ${this.name}: index ${index}, where ${this.maxEntries} exist`);
    return value;
  }

  /**
   * Sets the element at an index.
   *
   * @throws SyscallError (E2BIG beyond the last); OptionError for another size of value.
   */
  set(index: number, value: Uint8Array): void {
    this.update(indexKey(index), value);
  }

  /** Bytes from one element to the next in mapped memory: the value's size rounded up to 8. */
  get stride(): number {
    return (this.valueSize + 7) & ~7;
  }

  /** Whether the map was created with BPF_F_MMAPABLE (5.5). */
  get mappable(): boolean {
    return (this.flags & MapFlag.mmapable) !== 0;
  }

  /**
   * The array's own memory, until the map is disposed of (then it reads as zeros). Reading and writing it
   * costs no system call. Writing to memory that was not mapped writable kills the process.
   *
   * @param writable a frozen map refuses (EPERM), and a map that is mapped writable cannot be frozen (EBUSY).
   * @returns `maxEntries` elements, each `stride` bytes from the one before.
   * @throws EbpfError for a map without BPF_F_MMAPABLE (5.5); SyscallError
   */
  memory(writable: boolean): Uint8Array {
    if (!this.mappable) throw new EbpfError(`map ${this.name} was created without BPF_F_MMAPABLE`);
    const size = this.stride * this.maxEntries;
    const page = pageSize();
    const length = Math.ceil(size / page) * page;
    const mapping = new Mapping(this.fd, { length, writable, what: `map ${this.name}` });
    this.#mappings.push(mapping);
    return new Uint8Array(mapping.buffer, 0, size);
  }

  override [Symbol.dispose](): void {
    for (const mapping of this.#mappings.splice(0)) mapping[Symbol.dispose]();
    super[Symbol.dispose]();
  }
}
