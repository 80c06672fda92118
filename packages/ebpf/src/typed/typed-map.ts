/** Maps whose keys and values are decoded. */
import type { Codec } from '../codegen/runtime.js';
import type { Batch } from '../map/batch.js';
import type { BpfMap } from '../map/map.js';
import type { PerCpuMap } from '../map/percpu.js';
import { UpdateFlag } from '../uapi/flags.js';

/** Encodes into memory of its own, which the next call uses again. */
class Encoder<T> {
  readonly #codec: Codec<T>;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(codec: Codec<T>) {
    this.#codec = codec;
    this.#bytes = new Uint8Array(codec.size);
    this.#view = viewOf(this.#bytes);
  }

  encode(value: T): Uint8Array {
    this.#codec.write(this.#view, 0, value);
    return this.#bytes;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes themselves, for maps whose object declares no type. The value that is read is a copy. */
export function bytesCodec(size: number): Codec<Uint8Array> {
  return {
    size,
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
    write: (view, offset, value) => new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value),
  };
}

/** The elements of a batch, with a function that finds a value. */
function* decodeBatches<K, V>(
  { keySize, valueBytes }: BpfMap,
  batches: Iterable<Batch>,
  key: Codec<K>,
  value: (view: DataView, offset: number) => V,
): Generator<[K, V], void, undefined> {
  for (const { keys, values, count } of batches) {
    const keyView = viewOf(keys);
    const valueView = viewOf(values);
    for (let index = 0; index < count; index++)
      yield [key.read(keyView, index * keySize), value(valueView, index * valueBytes)];
  }
}

/** What all typed maps with keys share. `E` is what an element is: one value, or one for every CPU. */
abstract class KeyedMap<K, E> implements Iterable<[K, E]> {
  protected readonly keyCodec: Codec<K>;
  readonly #key: Encoder<K>;

  /** Decodes a map's elements; the map stays its owner's. */
  constructor(key: Codec<K>) {
    this.keyCodec = key;
    this.#key = new Encoder(key);
  }

  /** The map of bytes below, for what is not here: pins, batches, statistics, the descriptor. */
  abstract readonly map: BpfMap;

  /** The value at an offset in bytes. */
  protected abstract decode(view: DataView, offset: number): E;
  /** The bytes of a value. */
  protected abstract encode(value: E): Uint8Array;

  /**
   * The value of a key; `undefined` if there is none.
   *
   * @throws SyscallError; OptionError for a key that cannot be encoded.
   */
  get(key: K): E | undefined {
    const bytes = this.map.lookup(this.#key.encode(key));
    return bytes === undefined ? undefined : this.decode(viewOf(bytes), 0);
  }

  /** Whether a key is there. @throws as {@link get}. */
  has(key: K): boolean {
    return this.map.lookup(this.#key.encode(key)) !== undefined;
  }

  /**
   * Sets the value of a key.
   *
   * @param flags {@link UpdateFlag}: with `noexist` an existing key is EEXIST, with `exist` a new one ENOENT.
   * @throws SyscallError: E2BIG for a full map; OptionError for what cannot be encoded.
   */
  set(key: K, value: E, flags: number = UpdateFlag.any): this {
    this.map.update(this.#key.encode(key), this.encode(value), flags);
    return this;
  }

  /** Removes a key; returns whether it was there. @throws SyscallError: EINVAL for arrays, whose elements stay. */
  delete(key: K): boolean {
    return this.map.delete(this.#key.encode(key));
  }

  /** Every key once; see {@link BpfMap.keys} for what changes meanwhile do. */
  *keys(): Generator<K, void, undefined> {
    for (const bytes of this.map.keys()) yield this.keyCodec.read(viewOf(bytes), 0);
  }

  /** The value of every key. */
  *values(): Generator<E, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Every key with its value, read in batches where the kernel has them (5.6). */
  entries(): Generator<[K, E], void, undefined> {
    return decodeBatches(this.map, this.map.lookupBatch(), this.keyCodec, (view, at) =>
      this.decode(view, at),
    );
  }

  /** As {@link entries}, and removes what it yields; see {@link BpfMap.takeBatch}. */
  take(): Generator<[K, E], void, undefined> {
    return decodeBatches(this.map, this.map.takeBatch(), this.keyCodec, (view, at) => this.decode(view, at));
  }

  /** As {@link entries}. */
  [Symbol.iterator](): Generator<[K, E], void, undefined> {
    return this.entries();
  }
}

/** A map of any kind with one value for a key: hashes, arrays, tries, storage of sockets, tasks, inodes and cgroups. */
export class TypedMap<K, V> extends KeyedMap<K, V> {
  readonly map: BpfMap;
  readonly #valueCodec: Codec<V>;
  readonly #value: Encoder<V>;

  /** Decodes a map's elements; the map stays its owner's. */
  constructor(map: BpfMap, key: Codec<K>, value: Codec<V>) {
    super(key);
    this.map = map;
    this.#valueCodec = value;
    this.#value = new Encoder(value);
  }

  /** The value at an offset in bytes. */
  protected override decode(view: DataView, offset: number): V {
    return this.#valueCodec.read(view, offset);
  }

  /** The bytes of a value. */
  protected override encode(value: V): Uint8Array {
    return this.#value.encode(value);
  }
}

/** A per-CPU hash or array: a key has one value for every possible CPU. */
export class TypedPerCpuMap<K, V> extends KeyedMap<K, V[]> {
  readonly map: PerCpuMap;
  readonly #valueCodec: Codec<V>;

  /** Decodes a map's elements; the map stays its owner's. */
  constructor(map: PerCpuMap, key: Codec<K>, value: Codec<V>) {
    super(key);
    this.map = map;
    this.#valueCodec = value;
  }

  /** The value at an offset in bytes. */
  protected override decode(view: DataView, offset: number): V[] {
    const stride = this.map.valueBytes / this.map.cpuCount;
    return Array.from({ length: this.map.cpuCount }, (_, cpu) =>
      this.#valueCodec.read(view, offset + cpu * stride),
    );
  }

  /** The bytes of a value. */
  protected override encode(values: V[]): Uint8Array {
    return this.map.join(
      values.map((value) => {
        const bytes = new Uint8Array(this.map.valueSize);
        this.#valueCodec.write(viewOf(bytes), 0, value);
        return bytes;
      }),
    );
  }
}

/** A queue, or a stack (4.20): values without keys. */
export class TypedQueue<V> {
  readonly map: BpfMap;
  readonly #valueCodec: Codec<V>;
  readonly #value: Encoder<V>;

  /** Decodes a map's elements; the map stays its owner's. */
  constructor(map: BpfMap, value: Codec<V>) {
    this.map = map;
    this.#valueCodec = value;
    this.#value = new Encoder(value);
  }

  /** Adds a value. @throws SyscallError: E2BIG for a full one. */
  push(value: V): void {
    this.map.update(new Uint8Array(), this.#value.encode(value));
  }

  /** Removes the next value; `undefined` if there is none. @throws SyscallError */
  pop(): V | undefined {
    return this.#read(this.map.lookupAndDelete(new Uint8Array()));
  }

  /** The next value, which stays; `undefined` if there is none. @throws SyscallError */
  peek(): V | undefined {
    return this.#read(this.map.lookup(new Uint8Array()));
  }

  #read(bytes: Uint8Array | undefined): V | undefined {
    return bytes === undefined ? undefined : this.#valueCodec.read(viewOf(bytes), 0);
  }
}
