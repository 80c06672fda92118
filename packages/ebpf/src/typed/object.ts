/** Objects whose maps, globals and programs are typed: what the modules of `weir-bpf2ts` give. */
import type { Codec } from '../codegen/runtime.js';
import { OptionError } from '../errors.js';
import type { AttachOptions } from '../link/attach.js';
import { type Attachments, attachAll } from '../load/attach-all.js';
import { Collection } from '../load/collection.js';
import { disposeAll, type LoadOptions } from '../load/loader.js';
import type { BpfMap } from '../map/map.js';
import { PerCpuMap } from '../map/percpu.js';
import { parseObject } from '../object/parse-object.js';
import { setGlobal } from '../object/set-global.js';
import type { CollectionSpec } from '../object/spec.js';
import type { Program } from '../program/program.js';
import { MapType } from '../uapi/map-types.js';
import { RecordMap, recordBytes } from './records.js';
import { bytesCodec, TypedMap, TypedPerCpuMap, TypedQueue } from './typed-map.js';
import { UserRecordMap } from './user-records.js';

/** What a generated module knows of its object, by the names that it gives to things. */
export interface ObjectDescription {
  readonly maps: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly key: Codec<unknown> | undefined;
        readonly value: Codec<unknown> | undefined;
      }
    >
  >;
  readonly globals: Readonly<Record<string, Codec<unknown> & { readonly name: string }>>;
  /** The programs' names in C. */
  readonly programs: Readonly<Record<string, string>>;
}

/** Options of a generated `load()`. */
export interface LoadObjectOptions<G> extends LoadOptions {
  /** Initial values of global variables; those that are `const volatile` can be set only here. */
  readonly globals?: { readonly [K in keyof G]?: G[K] };
}

/**
 * A loaded object: its maps, global variables and programs by their names in camelCase. What {@link LoadOptions.programs} left out throws when
 * it is used.
 */
export class LoadedObject<M, G, P> implements Disposable {
  /** Maps, typed where the object declares types. */
  readonly maps: M;
  /**
   * Global variables: reading one reads the kernel's memory, assigning to one changes it. Structs and arrays are copies: assign whole ones.
   */
  readonly globals: G;
  readonly programs: P;
  /** What is below: maps and programs by their names in C, and logs. */
  readonly collection: Collection;
  readonly #description: ObjectDescription;
  readonly #readers: Disposable[] = [];
  readonly #links: Disposable[] = [];

  /** Takes ownership of a collection. */
  constructor(collection: Collection, description: ObjectDescription) {
    this.collection = collection;
    this.#description = description;
    const own = (reader: Disposable) => this.#readers.push(reader);
    this.maps = lazily(description.maps, ({ name, key, value }) =>
      typedMap(collection.map(name), key, value, own),
    ) as M;
    this.globals = liveGlobals(collection, description.globals) as G;
    this.programs = lazily(description.programs, (name) => collection.program(name)) as P;
  }

  /**
   * Attaches every program as its section says, and every struct of functions. Programs that need more than their section says are left out
   * unless options are given for them: `attach({ dropPackets: { device: 'eth0' } })`. The attachments end with the object. Whatever fails, nothing stays attached.
   *
   * @returns The links by program, and why the others were left out.
   * @throws as {@link Program.attach}; OptionError for options of a program that was not loaded.
   */
  attach(options: { readonly [K in keyof P]?: AttachOptions } = {}): Attachments {
    const { programs } = this.#description;
    const given = Object.entries(options) as [string, AttachOptions | undefined][];
    const byName = given.map(([name, value]) => [programs[name] ?? name, value] as const);
    const attachments = attachAll(this.collection, Object.fromEntries(byName));
    this.#links.push(attachments);
    return attachments;
  }

  /** Detaches what {@link attach} attached, ends the readers, and closes all maps and programs. */
  close(): void {
    const owned = [this.collection, ...this.#links.splice(0), ...this.#readers.splice(0)];
    disposeAll(owned);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Loads an object with its description; generated modules call it.
 *
 * @param compiled The object file, in base64.
 * @throws as {@link Collection.load}; OptionError for a value that a global variable cannot hold.
 */
export function loadObject<M, G, P>(
  compiled: string,
  description: ObjectDescription,
  options: LoadObjectOptions<G> = {},
): LoadedObject<M, G, P> {
  const { globals = {}, ...others } = options;
  const spec = parseObject(Buffer.from(compiled, 'base64'));
  setGlobals(spec, description, globals);
  return new LoadedObject(Collection.load(spec, others), description);
}

function setGlobals(spec: CollectionSpec, description: ObjectDescription, values: object): void {
  for (const [key, value] of Object.entries(values)) {
    const global = Object.hasOwn(description.globals, key) ? description.globals[key] : undefined;
    if (global === undefined) {
      const known = Object.keys(description.globals).join(', ') || 'none';
      throw new OptionError(`the object has no global variable ${key}; it has ${known}`);
    }
    if (value === undefined) continue;
    setGlobal(spec, global.name, encode(global, value));
  }
}

function encode({ size, write }: Codec<unknown>, value: unknown): Uint8Array {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer), 0, value);
  return bytes;
}

/** An object whose members are made when they are first used. */
function lazily<D>(
  descriptions: Readonly<Record<string, D>>,
  make: (description: D) => unknown,
): Record<string, unknown> {
  const made = new Map<string, unknown>();
  const object: Record<string, unknown> = {};
  for (const [key, description] of Object.entries(descriptions)) {
    const get = () => {
      if (!made.has(key)) made.set(key, make(description));
      return made.get(key);
    };
    Object.defineProperty(object, key, { enumerable: true, get });
  }
  return object;
}

function liveGlobals(collection: Collection, globals: ObjectDescription['globals']): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, codec] of Object.entries(globals)) {
    const get = () => {
      const bytes = collection.globals.read(codec.name);
      return codec.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
    };
    const set = (value: unknown) => collection.globals.write(codec.name, encode(codec, value));
    Object.defineProperty(object, key, { enumerable: true, get, set });
  }
  return object;
}

/** The class for a kind of map; `codegen/object-module.ts` knows their types. */
function typedMap(
  map: BpfMap,
  key: Codec<unknown> | undefined,
  value: Codec<unknown> | undefined,
  own: (reader: Disposable) => void,
): unknown {
  const keys: Codec<unknown> = key ?? bytesCodec(map.keySize);
  const values: Codec<unknown> = value ?? bytesCodec(map.valueSize);
  switch (map.type) {
    case MapType.ringbuf:
    case MapType.perfEventArray:
      return new RecordMap(map, value ?? recordBytes, own);
    case MapType.userRingbuf:
      return new UserRecordMap(map, value ?? recordBytes, own);
    case MapType.queue:
    case MapType.stack:
      return new TypedQueue(map, values);
    case MapType.progArray:
    case MapType.cgroupArray:
    case MapType.arrayOfMaps:
    case MapType.hashOfMaps:
    case MapType.bloomFilter:
    case MapType.arena:
      return map;
    default:
      return map instanceof PerCpuMap
        ? new TypedPerCpuMap(map, keys, values)
        : new TypedMap(map, keys, values);
  }
}
