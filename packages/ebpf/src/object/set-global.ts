/** Sets an object's global variables before it is loaded. */
import { Kind } from '../btf/types.js';
import { EbpfError, FormatError, OptionError } from '../errors.js';
import type { CollectionSpec, GlobalVariable } from './spec.js';

/**
 * Sets a global variable's initial value: how `const volatile` settings reach a program, where the verifier then
 * treats them as constants.
 * @param value a number, bigint or boolean for variables of 1, 2, 4 or 8 bytes (floats included), or exactly as many
 * raw bytes as the variable has (an array's elements in the object's byte order).
 * @throws OptionError if the value does not fit; EbpfError if there is no such variable; FormatError if it lies outside its map.
 */
export function setGlobal(
  spec: CollectionSpec,
  name: string,
  value: number | bigint | boolean | ArrayBufferView,
): void {
  const variable = spec.globals.get(name);
  const map = variable === undefined ? undefined : spec.maps.get(variable.map);
  const contents = map?.contents ?? map?.arenaContents;
  if (variable === undefined || contents === undefined) {
    throw new EbpfError(
      `the object has no global variable ${name}; it has ${[...spec.globals.keys()].join(', ') || 'none'}`,
    );
  }
  if (variable.offset + variable.size > contents.length) {
    throw new FormatError(`variable ${name} lies outside the contents of ${variable.map}`);
  }
  const place = contents.subarray(variable.offset, variable.offset + variable.size);
  if (ArrayBuffer.isView(value)) {
    if (value.byteLength !== variable.size) {
      throw new OptionError(`variable ${name} has ${variable.size} bytes, not ${value.byteLength}`);
    }
    place.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (typeof value === 'number' && isFloat(spec, variable)) {
    const view = new DataView(place.buffer, place.byteOffset, place.byteLength);
    if (variable.size === 4) view.setFloat32(0, value, spec.littleEndian);
    else view.setFloat64(0, value, spec.littleEndian);
  } else {
    setInteger(place, name, value, spec.littleEndian);
  }
}

function isFloat(spec: CollectionSpec, variable: GlobalVariable): boolean {
  if (spec.btf === undefined || variable.typeId === undefined) return false;
  return (
    spec.btf.resolve(variable.typeId).kind === Kind.float && (variable.size === 4 || variable.size === 8)
  );
}

function setInteger(
  place: Uint8Array,
  name: string,
  value: number | bigint | boolean,
  littleEndian: boolean,
): void {
  const size = place.length;
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) {
    throw new OptionError(`variable ${name} has ${size} bytes: pass them all, a number cannot set it`);
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new OptionError(`variable ${name} is an integer: ${value} is none, or is too large for a number`);
  }
  const wide = BigInt(value);
  const bits = size * 8;
  // Signed and unsigned values are both taken: C converts between them likewise.
  if (wide !== BigInt.asIntN(bits, wide) && wide !== BigInt.asUintN(bits, wide)) {
    throw new OptionError(`variable ${name} has ${size} bytes: ${value} does not fit`);
  }
  for (let i = 0; i < size; i++) {
    place[littleEndian ? i : size - 1 - i] = Number((wide >> BigInt(8 * i)) & 0xffn);
  }
}
