/** The TypeScript expressions that read and write a shape. `view` is a DataView, offsets are expressions themselves. */

import type { BitField, Field, NumberShape, Shape } from './model.js';
import { typeOnly } from './output-format.js';

const two32 = '4294967296';

/** Knows the object's byte order, and notes which functions of the runtime the generated code uses. */
export class Expressions {
  readonly imports = new Set<string>();
  readonly #order: string;

  constructor(littleEndian: boolean) {
    this.#order = `, ${littleEndian}`;
  }

  /** The type of the value. */
  type(shape: Shape): string {
    switch (shape.kind) {
      case 'int':
      case 'float':
        return 'number';
      case 'int64':
        return shape.big ? 'bigint' : 'number';
      case 'int128':
        return 'bigint';
      case 'bool':
        return 'boolean';
      case 'enum':
        return shape.type;
      case 'string':
        return 'string';
      case 'numbers':
        return arrayType(shape.element);
      case 'list':
        return `${this.type(shape.element)}[]`;
      case 'struct':
        return shape.struct.name;
    }
  }

  /** Reads a new value. */
  read(shape: Shape, at: string): string {
    switch (shape.kind) {
      case 'int':
        return `view.${accessor('get', shape)}(${at}${shape.size === 1 ? '' : this.#order})`;
      case 'int64':
        return this.#read64(shape, at);
      case 'int128':
        return `${this.use('readInt128')}(view, ${at}, ${shape.signed}${this.#order})`;
      case 'float':
        return `view.getFloat${shape.size * 8}(${at}${this.#order})`;
      case 'bool':
        return `view.getUint8(${at}) !== 0`;
      case 'enum':
        return `${this.read(shape.integer, at)}${typeOnly(` as ${shape.type}`)}`;
      case 'string':
        return `${this.use('readString')}(view, ${at}, ${shape.size})`;
      case 'numbers':
        if (isBytes(shape.element)) return `${this.use('readBytes')}(view, ${at}, ${shape.count})`;
        return this.#fill(`new ${arrayType(shape.element)}(${shape.count})`, shape.element, at);
      case 'list':
        return this.#fill(
          `new Array${typeOnly(`<${this.type(shape.element)}>`)}(${shape.count})`,
          shape.element,
          at,
        );
      case 'struct':
        return `read${shape.struct.name}(view, ${at})`;
    }
  }

  /** Reads a value into `target`; reuses the object that is there. */
  readInto(shape: Shape, at: string, target: string): string {
    switch (shape.kind) {
      case 'numbers':
        if (isBytes(shape.element)) return `${this.use('readBytes')}(view, ${at}, ${shape.count}, ${target})`;
        return this.#fill(target, shape.element, at);
      case 'list':
        return this.#fill(target, shape.element, at);
      case 'struct':
        return `read${shape.struct.name}(view, ${at}, ${target})`;
      default:
        return `${target} = ${this.read(shape, at)}`;
    }
  }

  /** Writes the value of the expression `value`, which must be cheap to repeat. */
  write(shape: Shape, at: string, value: string): string {
    switch (shape.kind) {
      case 'int':
        return `view.${accessor('set', shape)}(${at}, ${value}${shape.size === 1 ? '' : this.#order})`;
      case 'int64':
        return this.#write64(shape, at, value);
      case 'int128':
        return `${this.use('writeInt128')}(view, ${at}, ${value}${this.#order})`;
      case 'float':
        return `view.setFloat${shape.size * 8}(${at}, ${value}${this.#order})`;
      case 'bool':
        return `view.setUint8(${at}, ${value} ? 1 : 0)`;
      case 'enum':
        return this.write(shape.integer, at, value);
      case 'string':
        return `${this.use('writeString')}(view, ${at}, ${shape.size}, ${value})`;
      case 'numbers':
      case 'list': {
        const element = this.write(shape.element, strided(at, shape.element.size), 'item');
        return `${this.use('writeElements')}(${value}, ${shape.count}, (i, item) => ${asExpression(element)})`;
      }
      case 'struct':
        return `write${shape.struct.name}(view, ${at}, ${value})`;
    }
  }

  /** A field's value, bit-field or not. */
  readField(field: Field, at: string): string {
    if (field.bits === undefined) return this.read(field.shape, at);
    const number = this.bits(field.bits, at);
    if (field.shape.kind === 'bool') return `(${number}) !== 0`;
    return field.shape.kind === 'enum' ? `(${number})${typeOnly(` as ${field.shape.type}`)}` : number;
  }

  /** A bit-field as a number. */
  bits({ load, shift, width, signed }: BitField, at: string): string {
    if (load === 8) {
      const raw = `view.getBigUint64(${at}${this.#order})${shift === 0 ? '' : ` >> ${shift}n`}`;
      return `Number(BigInt.${signed ? 'asIntN' : 'asUintN'}(${width}, ${raw}))`;
    }
    const raw = this.read({ kind: 'int', size: load, signed: false }, at);
    if (signed) return `(${raw} << ${32 - shift - width}) >> ${32 - width}`;
    if (width === 32) return raw;
    const shifted = shift === 0 ? raw : `(${raw} >>> ${shift})`;
    return `${shifted} & 0x${(2 ** width - 1).toString(16)}`;
  }

  writeField(field: Field, at: string, value: string): string {
    if (field.bits === undefined) return this.write(field.shape, at, value);
    const { load, shift, width } = field.bits;
    if (load === 8) {
      const mask = (1n << BigInt(width)) - 1n;
      const keep = BigInt.asUintN(64, ~(mask << BigInt(shift)));
      const old = `view.getBigUint64(${at}${this.#order})`;
      const bits = `BigInt.asUintN(${width}, BigInt(${value}))${shift === 0 ? '' : ` << ${shift}n`}`;
      return `view.setBigUint64(${at}, (${old} & 0x${keep.toString(16)}n) | (${bits})${this.#order})`;
    }
    const mask = 2 ** width - 1;
    const keep = ~(mask << shift) >>> 0;
    const whole = { kind: 'int', size: load, signed: false } as const;
    const number = field.shape.kind === 'bool' ? `Number(${value})` : value;
    const low = `(${number} & 0x${mask.toString(16)})`;
    const bits = shift === 0 ? low : `(${low} << ${shift})`;
    return this.write(whole, at, `(${this.read(whole, at)} & 0x${keep.toString(16)}) | ${bits}`);
  }

  /** Names a function of the runtime, and sees to it that it is imported. */
  use(name: string): string {
    this.imports.add(name);
    return name;
  }

  #fill(target: string, element: Shape, at: string): string {
    return `${this.use('readElements')}(${target}, (i) => ${this.read(element, strided(at, element.size))})`;
  }

  #read64({ big, signed }: NumberShape & { kind: 'int64' }, at: string): string {
    if (big) return `view.get${signed ? 'BigInt64' : 'BigUint64'}(${at}${this.#order})`;
    const [low, high] = this.#halves(at);
    const sign = signed ? 'Int32' : 'Uint32';
    return `view.getUint32(${low}${this.#order}) + view.get${sign}(${high}${this.#order}) * ${two32}`;
  }

  #write64({ big, signed }: NumberShape & { kind: 'int64' }, at: string, value: string): string {
    if (big) return `view.set${signed ? 'BigInt64' : 'BigUint64'}(${at}, ${value}${this.#order})`;
    // setUint32 takes numbers modulo 2^32, negative ones too.
    const [low, high] = this.#halves(at);
    const lowHalf = `view.setUint32(${low}, ${value}${this.#order})`;
    return `${lowHalf};\nview.setUint32(${high}, Math.floor(${value} / ${two32})${this.#order})`;
  }

  #halves(at: string): [low: string, high: string] {
    const next = addTo(at, 4);
    return this.#order === ', true' ? [at, next] : [next, at];
  }
}

/** The expression `offset + bytes`, kept short. */
export function addTo(offset: string, bytes: number): string {
  if (bytes === 0) return offset;
  const match = /^(.*) \+ (\d+)$/.exec(offset);
  return match === null ? `${offset} + ${bytes}` : `${match[1]} + ${Number(match[2]) + bytes}`;
}

function strided(at: string, size: number): string {
  return size === 1 ? `${at} + i` : `${at} + i * ${size}`;
}

/** Statements become the body of an arrow function. */
function asExpression(code: string): string {
  return code.includes(';') ? `{ ${code.replaceAll('\n', ' ')}; }` : code;
}

export function isBytes(element: NumberShape): boolean {
  return element.kind === 'int' && element.size === 1 && !element.signed;
}

function accessor(verb: 'get' | 'set', { size, signed }: { size: number; signed: boolean }): string {
  return `${verb}${signed ? 'Int' : 'Uint'}${size * 8}`;
}

/** The typed array that holds such numbers. */
export function arrayType(element: NumberShape): string {
  switch (element.kind) {
    case 'int':
      return `${element.signed ? 'Int' : 'Uint'}${element.size * 8}Array`;
    case 'float':
      return `Float${element.size * 8}Array`;
    case 'int64':
      if (!element.big) return 'Float64Array';
      return element.signed ? 'BigInt64Array' : 'BigUint64Array';
  }
}
