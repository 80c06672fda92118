/** A loaded object's global variables, read and written by name while its programs run. */
import { EbpfError } from '../errors.js';
import { ArenaMap } from '../map/arena-map.js';
import { ArrayMap, indexKey } from '../map/array.js';
import type { BpfMap } from '../map/map.js';
import type { GlobalVariable } from '../object/spec.js';

/**
 * Global variables by name. Variables of `.data`, `.bss` and arenas live in memory that is shared with the programs
 * (5.5). On older kernels reading and writing go through the whole section's map element: a write may then
 * undo what a program wrote next to it meanwhile.
 */
export class Globals {
  readonly #variables: ReadonlyMap<string, GlobalVariable>;
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #memory = new Map<string, Uint8Array>();
  readonly #readOnly: ReadonlySet<string>;

  constructor(
    variables: ReadonlyMap<string, GlobalVariable>,
    maps: ReadonlyMap<string, BpfMap>,
    readOnly: ReadonlySet<string>,
  ) {
    this.#variables = variables;
    this.#maps = maps;
    this.#readOnly = readOnly;
  }

  /** Names of all variables. */
  names(): readonly string[] {
    return [...this.#variables.keys()];
  }

  /**
   * A copy of a variable's bytes, in the machine's byte order.
   *
   * @throws EbpfError if there is none; SyscallError
   */
  read(name: string): Uint8Array {
    const { map, offset, size } = this.#variable(name);
    return this.#section(map).slice(offset, offset + size);
  }

  /**
   * An integer variable's value, unsigned by default.
   *
   * @throws EbpfError if there is none, or it has more than 8 bytes.
   */
  readInteger(name: string, signed = false): bigint {
    const bytes = this.read(name);
    if (bytes.length > 8) throw new EbpfError(`global ${name} has ${bytes.length} bytes: it is no integer`);
    let value = 0n;
    for (const [i, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * i);
    return signed ? BigInt.asIntN(8 * bytes.length, value) : value;
  }

  /**
   * Changes a variable. Numbers are stored in its size.
   * @throws EbpfError for constants, for values that do not fit, and if there is none of that name;
   * RangeError for a number that is not whole; SyscallError
   */
  write(name: string, value: number | bigint | boolean | Uint8Array): void {
    const { map, offset, size } = this.#variable(name);
    if (this.#readOnly.has(map)) throw new EbpfError(`global ${name} is a constant: set it before loading`);
    const bytes = value instanceof Uint8Array ? value : integerBytes(name, BigInt(value), size);
    if (bytes.length !== size) throw new EbpfError(`global ${name} has ${size} bytes, not ${bytes.length}`);
    const section = this.#section(map);
    section.set(bytes, offset);
    if (!this.#memory.has(map)) this.#map(map).update(indexKey(0), section);
  }

  #variable(name: string): GlobalVariable {
    const variable = this.#variables.get(name);
    if (variable === undefined) throw new EbpfError(`the object has no global variable ${name}`);
    return variable;
  }

  #map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map === undefined)
      throw new EbpfError(`section ${name} was not loaded: none of the programs uses it`);
    return map;
  }

  /** The section's shared memory, or a copy of its bytes. */
  #section(name: string): Uint8Array {
    const known = this.#memory.get(name);
    if (known !== undefined) return known;
    const map = this.#map(name);
    if (map instanceof ArenaMap) {
      const memory = map.memory();
      this.#memory.set(name, memory);
      return memory;
    }
    if (map instanceof ArrayMap && map.mappable && !this.#readOnly.has(name)) {
      const memory = map.memory(true);
      this.#memory.set(name, memory);
      return memory;
    }
    return map.lookup(indexKey(0)) ?? new Uint8Array(map.valueSize);
  }
}

function integerBytes(name: string, value: bigint, size: number): Uint8Array {
  const bits = 8 * size;
  if (size > 8 || (BigInt.asUintN(bits, value) !== value && BigInt.asIntN(bits, value) !== value)) {
    throw new EbpfError(`global ${name}: ${value} does not fit ${size} bytes`);
  }
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
