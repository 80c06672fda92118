/** BPF maps as user space sees them: elements of raw bytes, one system call each. */

import { constants } from 'node:os';
import { OptionError } from '../errors.js';
import { type Attr, attr } from '../sys/attr.js';
import { bpf, bpfError, bpfInPlace, bpfRaw } from '../sys/bpf.js';
import type { Fd } from '../sys/fd.js';
import { ffi } from '../sys/ffi.js';
import { Command } from '../uapi/commands.js';
import { UpdateFlag } from '../uapi/flags.js';
import { MapType, mapTypeName } from '../uapi/map-types.js';
import { type Batch, batchKeys, deleteBatch, lookupBatch, takeBatch, updateBatch } from './batch.js';
import { type MapInfo, readMapInfo } from './map-info.js';
import { walkKeys } from './walk.js';

const { E2BIG, EBADF, EEXIST, EINVAL, ENOENT, EPERM } = constants.errno;

/** Kinds of which a batch has all keys: other kinds leave out keys without a value. */
const isHash: ReadonlySet<number> = new Set([
  ...[MapType.hash, MapType.lruHash, MapType.percpuHash, MapType.lruPercpuHash],
]);

/** Bytes up to which a copy by the compiled loop takes less time than the call of a built-in function. */
const SHORT = 32;

/** Bytes from which a value takes longer to copy than arguments to encode. */
const LARGE = 16_384;

/** The arguments of all commands on a map's elements, which differ in the flags at most, and the value's memory. */
interface ElementMemory {
  readonly value: Uint8Array;
  readonly attr: Attr<'mapElem'>;
  /** Where the arguments lie: outside the heap, for the struct has a view of them. */
  readonly address: number;
  readonly size: number;
  /** The flags in `attr`. */
  flags: number;
}

function elementMemory(mapFd: number, key: Uint8Array, valueBytes: number): ElementMemory {
  const value = new Uint8Array(valueBytes);
  const block = attr('mapElem', { mapFd, key, value, flags: 0 });
  return { value, attr: block, address: ffi().address(block.bytes), size: block.used, flags: 0 };
}

/** Copies bytes of the same number. */
function copyInto(to: Uint8Array, from: Uint8Array): void {
  if (from.length > SHORT) to.set(from);
  else for (let i = 0; i < from.length; i++) to[i] = from[i]!;
}

/** The arguments that a map was created with. */
export interface MapShape {
  /** The name in the object file, which may be longer than the kernel's 15 bytes. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; of one CPU's value for the per-CPU kinds. */
  readonly valueSize: number;
  /** Elements; bytes of a ring buffer. */
  readonly maxEntries: number;
  /** BPF_F_* map creation flags, {@link MapFlag}. */
  readonly flags: number;
}

/**
 * An open BPF map of any kind; subclasses add what is particular to theirs. Keys and values are bytes of
 * exactly the map's sizes (`keySize`, `valueBytes`), in host byte order. All methods are synchronous. They
 * throw SyscallError if the kernel refuses, OptionError for bytes of another size, and EbpfError after
 * disposal.
 *
 * The map lives on in the kernel after disposal if something else refers to it: a program, a pin, another
 * map.
 */
export class BpfMap implements Disposable, MapShape {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Bytes of a value as it crosses the system call: for per-CPU kinds one stride for every possible CPU. */
  readonly valueBytes: number;
  readonly #fd: Fd;
  readonly #key: Uint8Array;
  /** Made for the first command that needs it: an array of one large element may never be asked. */
  #element: ElementMemory | undefined;
  /** The arguments of BPF_MAP_DELETE_ELEM, which refuses anything behind the key. */
  readonly #deleteAttr: Attr<'mapElem'>;

  /** Takes ownership of an open map's descriptor. */
  constructor(fd: Fd, shape: MapShape, valueBytes = shape.valueSize) {
    this.#fd = fd;
    this.name = shape.name;
    this.type = shape.type;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.flags = shape.flags;
    this.valueBytes = valueBytes;
    this.#key = new Uint8Array(shape.keySize);
    this.#deleteAttr = attr('mapElem', { mapFd: fd.fd, key: this.#key });
  }

  /** The map's file descriptor. @throws EbpfError after disposal. */
  get fd(): number {
    return this.#fd.fd;
  }

  /**
   * The value of a key, in memory of its own; `undefined` if there is none.
   *
   * @param flags BPF_F_LOCK of {@link UpdateFlag}, or 0.
   */
  lookup(key: Uint8Array, flags = 0): Uint8Array | undefined {
    return this.#read(Command.mapLookupElem, key, flags);
  }

  /**
   * Removes a key and returns the value it had; `undefined` if there was none. For queues and stacks (4.20) the key is
   * empty; hashes have it since 5.14.
   */
  lookupAndDelete(key: Uint8Array): Uint8Array | undefined {
    return this.#read(Command.mapLookupAndDeleteElem, key, 0);
  }

  /**
   * Sets the value of a key.
   *
   * @param flags {@link UpdateFlag}: with `noexist` an existing key is EEXIST, with `exist` a new one ENOENT.
   */
  update(key: Uint8Array, value: Uint8Array, flags: number = UpdateFlag.any): void {
    this.#setKey(key);
    this.#checkSize('value', value, this.valueBytes);
    const errno = -(value.length < LARGE ? this.#put(value, flags) : this.#putInPlace(value, flags));
    if (errno > 0) throw this.#error(Command.mapUpdateElem, errno);
  }

  /** Removes a key; returns whether it was there. Elements of arrays cannot be removed. */
  delete(key: Uint8Array): boolean {
    this.#checkOpen();
    this.#setKey(key);
    const errno = -bpfRaw(Command.mapDeleteElem, this.#deleteAttr);
    if (errno > 0 && errno !== ENOENT) throw this.#error(Command.mapDeleteElem, errno);
    return errno <= 0;
  }

  /** The key after `key` in the map's own order, the first one for `undefined`; `undefined` at the end. */
  nextKey(key: Uint8Array | undefined): Uint8Array | undefined {
    const next = new Uint8Array(this.keySize);
    if (key !== undefined) this.#setKey(key);
    const values = { mapFd: this.fd, key: key && this.#key, nextKey: next };
    const errno = -bpfRaw(Command.mapGetNextKey, attr('mapElem', values));
    if (errno === ENOENT) return undefined;
    if (errno > 0) throw this.#error(Command.mapGetNextKey, errno);
    return next;
  }

  /**
   * Every key once. Keys that come or go meanwhile may or may not appear; all others do. Deleting the key just
   * received, or any other, is safe.
   *
   * @throws EbpfError if others change the map faster than it can be walked.
   */
  *keys(): Generator<Uint8Array, void, undefined> {
    void this.fd;
    if (!isHash.has(this.type) || !(yield* batchKeys(this))) yield* this.walkKeys();
  }

  /** As {@link keys}, by one system call for each. */
  walkKeys(): Generator<Uint8Array, void, undefined> {
    return walkKeys((key) => this.nextKey(key), this.maxEntries, this.name);
  }

  /** Every key with its value, in batches where the kernel has them. Changes meanwhile are as for {@link keys}. */
  *entries(): Generator<[Uint8Array, Uint8Array], void, undefined> {
    for (const { keys, values, count } of this.lookupBatch()) {
      for (let index = 0; index < count; index++) {
        yield [
          keys.slice(index * this.keySize, (index + 1) * this.keySize),
          values.slice(index * this.valueBytes, (index + 1) * this.valueBytes),
        ];
      }
    }
  }

  /**
   * The whole map in batches of packed keys and values (5.6; element by element where the kernel or the kind has no
   * batches). A batch's memory is reused by the next.
   *
   * @param size elements to ask for at a time; more where the kernel wants room for a whole bucket.
   */
  lookupBatch(size?: number): Generator<Batch, void, undefined> {
    return lookupBatch(this, size);
  }

  /**
   * As {@link lookupBatch}, and removes what it yields. With batches (5.6) reading and removing are one step for each
   * element; without, a change between the two is lost.
   */
  takeBatch(size?: number): Generator<Batch, void, undefined> {
    return takeBatch(this, size);
  }

  /**
   * Sets many elements, given as packed keys and packed values (5.6; else element by element).
   *
   * @param flags {@link UpdateFlag}, for each element.
   */
  updateBatch(keys: Uint8Array, values: Uint8Array, flags: number = UpdateFlag.any): void {
    updateBatch(this, keys, values, flags);
  }

  /** Removes many keys, given packed (5.6; else one by one); returns how many of them were there. */
  deleteBatch(keys: Uint8Array): number {
    return deleteBatch(this, keys);
  }

  /** The kernel's account of the map (4.13). */
  info(): MapInfo {
    return readMapInfo(this.fd);
  }

  /**
   * Pins the map at a path on a BPF file system (4.4): it outlives this process until the path is unlinked.
   */
  pin(path: string): void {
    bpf(Command.objPin, attr('obj', { pathname: path, bpfFd: this.fd }), (errno) => {
      if (errno === EEXIST) return `${path} exists already`;
      if (errno === EPERM || errno === EINVAL)
        return `${path} must lie on a bpf file system, such as /sys/fs/bpf`;
      return path;
    });
  }

  /** Makes the map read-only for user space, for good (5.2). Programs may still write unless it is BPF_F_RDONLY_PROG. */
  freeze(): void {
    bpf(Command.mapFreeze, attr('mapElem', { mapFd: this.fd }), () => `map ${this.name}`);
  }

  /** Closes the descriptor. Doing so again has no effect. */
  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }

  #read(command: number, key: Uint8Array, flags: number): Uint8Array | undefined {
    this.#setKey(key);
    const errno = -this.#call(command, flags);
    if (errno === ENOENT) return undefined;
    if (errno > 0) throw this.#error(command, errno);
    return new Uint8Array(this.#element!.value);
  }

  #put(value: Uint8Array, flags: number): number {
    this.#element ??= elementMemory(this.fd, this.#key, this.valueBytes);
    copyInto(this.#element.value, value);
    return this.#call(Command.mapUpdateElem, flags);
  }

  #putInPlace(value: Uint8Array, flags: number): number {
    return bpfRaw(Command.mapUpdateElem, attr('mapElem', { mapFd: this.fd, key: this.#key, value, flags }));
  }

  #call(command: number, flags: number): number {
    this.#checkOpen();
    this.#element ??= elementMemory(this.fd, this.#key, this.valueBytes);
    const element = this.#element;
    if (flags !== element.flags) {
      element.attr.set({ flags });
      element.flags = flags;
    }
    return bpfInPlace(command, element.address, element.size);
  }

  /** The number of a closed descriptor may be another map's by then. @throws EbpfError after disposal. */
  #checkOpen(): void {
    void this.#fd.fd;
  }

  #setKey(key: Uint8Array): void {
    this.#checkSize('key', key, this.keySize);
    copyInto(this.#key, key);
  }

  #checkSize(what: string, bytes: Uint8Array, size: number): void {
    if (bytes.length === size) return;
    throw new OptionError(`map ${this.name}: a ${what} of ${bytes.length} bytes, where its size is ${size}`);
  }

  #error(command: number, errno: number): Error {
    return bpfError(command, errno, this.explain(command, errno));
  }

  /** The meaning of an errno for this map. */
  protected explain(command: number, errno: number): string {
    const what = `map ${this.name} (${mapTypeName(this.type)})`;
    if (errno === E2BIG && command === Command.mapUpdateElem) {
      const isArray = this.type === MapType.array || this.type === MapType.percpuArray;
      return isArray
        ? `${what}: the index is beyond max_entries, ${this.maxEntries}`
        : `${what} is full: max_entries is ${this.maxEntries}`;
    }
    if (errno === EBADF && this.type === MapType.inodeStorage)
      return `${what}: no open file, or the BPF LSM is not active: boot with bpf among lsm=`;
    if (errno === EPERM) return `${what} may be frozen or opened without this right`;
    if (errno === EINVAL && command === Command.mapDeleteElem)
      return `${what}: its elements cannot be removed`;
    return what;
  }
}
