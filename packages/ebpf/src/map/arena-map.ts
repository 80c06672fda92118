/** Arenas: memory that programs and processes share, with pointers that are valid in both. */
import { OptionError } from '../errors.js';
import type { Fd } from '../sys/fd.js';
import { Mapping, pageSize } from '../sys/memory.js';
import { BpfMap, type MapShape } from './map.js';

/**
 * An arena, BPF_MAP_TYPE_ARENA (6.9 on x86-64, 6.10 on arm64). It has no keys: its memory is mapped. `maxEntries` are its pages, which the
 * kernel provides when they are first touched, here or by a program that allocates them. In an arena with BPF_F_SEGV_ON_FAULT touching a page
 * that no program has allocated kills the process.
 */
export class ArenaMap extends BpfMap {
  /** The address it was created for, `map_extra`; 0 for any. */
  readonly #wanted: number;
  #mapping: Mapping | undefined;

  /** Takes ownership of an open map's descriptor. */
  constructor(fd: Fd, shape: MapShape & { readonly mapExtra?: bigint }) {
    super(fd, shape);
    this.#wanted = Number(shape.mapExtra ?? 0n);
  }

  /** Bytes. */
  get size(): number {
    return this.maxEntries * pageSize();
  }

  /**
   * The arena's memory, shared with programs; mapped by the first call, as it has to be before programs that use it are loaded. It reads as zeros
   * after disposal.
   *
   * An arena lies at the same address in all processes. The kernel does not say where: one that another process has mapped, and that was created
   * without an address in `map_extra`, cannot be mapped here.
   *
   * @throws SyscallError: EINVAL or EBUSY for an arena that lies elsewhere, EEXIST if its address is in use here; EbpfError after disposal.
   */
  memory(): Uint8Array {
    return new Uint8Array(this.#map().buffer);
  }

  /** Where it lies: the value of a pointer to its first byte. @throws as {@link memory}. */
  get address(): bigint {
    return BigInt(this.#map().address);
  }

  /**
   * The place in {@link memory} that a pointer of a program leads to.
   *
   * @throws OptionError for one that leads out of the arena.
   */
  offsetOf(pointer: bigint): number {
    const offset = pointer - this.address;
    if (offset >= 0n && offset < BigInt(this.size)) return Number(offset);
    throw new OptionError(`map ${this.name}: 0x${pointer.toString(16)} points out of the arena`);
  }

  #map(): Mapping {
    const address = this.#wanted === 0 ? undefined : this.#wanted;
    this.#mapping ??= new Mapping(this.fd, {
      ...{ length: this.size, writable: true, what: `arena ${this.name}` },
      ...(address !== undefined && { address }),
    });
    return this.#mapping;
  }

  /** Closes the descriptor and gives the memory free. */
  override [Symbol.dispose](): void {
    this.#mapping?.[Symbol.dispose]();
    super[Symbol.dispose]();
  }
}
