/** Part after part of arrays' memory, through one range of addresses. */
import { EbpfError } from '../errors.js';
import { MovableMapping, pageSize } from '../sys/memory.js';
import type { ArrayMap } from './array.js';

/**
 * Shows elements of arrays in memory, some at a time, so that a large array does not count as this process's memory. Needs
 * arrays with BPF_F_MMAPABLE (5.5).
 */
export class ArrayWindow implements Disposable {
  readonly #mapping: MovableMapping;
  readonly #page = pageSize();
  #map: ArrayMap | undefined;
  #start = 0;
  #end = 0;

  /** @param bytes The window's size; at least two pages and an element. @throws SyscallError */
  constructor(bytes: number = 1 << 20) {
    this.#mapping = new MovableMapping(Math.ceil(bytes / this.#page) * this.#page);
  }

  /** The window's memory, from a multiple of eight on. It shows other elements after the next {@link show}. */
  get buffer(): ArrayBuffer {
    return this.#mapping.buffer;
  }

  /**
   * Has the window show an element, writable, with its neighbours.
   *
   * @returns The element's offset in {@link buffer}, bytes.
   * @throws EbpfError for a map without BPF_F_MMAPABLE; SyscallError
   */
  show(map: ArrayMap, index: number): number {
    const offset = index * map.stride;
    if (this.#map !== map || offset < this.#start || offset + map.stride > this.#end) this.#move(map, offset);
    return offset - this.#start;
  }

  /** Shows nothing any more, so that the array's memory can be given free. */
  hide(): void {
    this.#mapping.cover();
    this.#map = undefined;
  }

  /** Gives the array free; the buffer reads as zeros then. */
  [Symbol.dispose](): void {
    this.hide();
  }

  #move(map: ArrayMap, offset: number): void {
    if (!map.mappable) throw new EbpfError(`map ${map.name} was created without BPF_F_MMAPABLE`);
    const whole = Math.ceil((map.stride * map.maxEntries) / this.#page) * this.#page;
    const start = Math.floor(offset / this.#page) * this.#page;
    const length = Math.min(this.#mapping.length, whole - start);
    this.#mapping.show(map.fd, start, length, `map ${map.name}`);
    this.#map = map;
    this.#start = start;
    this.#end = start + length;
  }
}
