/** The decoder that takes a struct apart into one array a field. */
import { FormatError } from '../errors.js';
import { addTo, arrayType, type Expressions } from './expressions.js';
import { UniqueNames } from './identifiers.js';
import type { Field, NumberShape, StructModel } from './model.js';
import { typeOnly } from './output-format.js';

/** Fields of one struct, those of nested structs included. */
const maxFields = 8192;

interface Column {
  readonly name: string;
  readonly type: string;
  /** Initial value. */
  readonly create: string;
  /** Stores the record at `offset` as number `i`. */
  readonly store: string;
}

export function emitColumns(struct: StructModel, expressions: Expressions): string {
  const columns = new Collector(struct, expressions).columns;
  const fields = columns.map(({ name, type }) => `  readonly ${name}: ${type};\n`);
  const creates = columns.map(({ name, create }) => `    this.${name} = ${create};`);
  const stores = columns.map(({ store }) => `      ${store};`);
  const number = typeOnly(': number');
  const nothing = typeOnly(': void');
  return `/** Many of \`${struct.cName}\`, one array a field. Elements from \`length\` on mean nothing. */
export class ${struct.name}Columns {
${typeOnly('  readonly capacity: number;\n')}  length = 0;
${typeOnly(fields.join(''))}
  constructor(capacity${number}) {
    this.capacity = capacity;
${creates.join('\n')}
  }

  /** @throws OptionError when full. */
  push(view${typeOnly(': DataView')}, offset${number})${nothing} {
    this.pushRun(view, offset, 1, 0);
  }

  /** Adds \`count\` records, each \`stride\` bytes after the one before. @throws OptionError when so many have no room. */
  pushRun(view${typeOnly(': DataView')}, offset${number}, count${number}, stride${number})${nothing} {
    const end = this.length + count;
    if (end > this.capacity) throw new ${expressions.use('OptionError')}('${struct.name}Columns: all ' + this.capacity + ' rows are taken');
    for (let i = this.length; i < end; i++, offset += stride) {
${stores.join('\n')}
    }
    this.length = end;
  }

  clear()${nothing} {
    this.length = 0;
  }
}
`;
}

/** Gathers the columns of a struct and of those within it. */
class Collector {
  readonly columns: Column[] = [];
  readonly #names = new UniqueNames('capacity', 'length', 'push', 'pushRun', 'clear');
  readonly #expressions: Expressions;
  #fields = 0;

  constructor(struct: StructModel, expressions: Expressions) {
    this.#expressions = expressions;
    this.#collect(struct, '', 'offset');
  }

  #collect(struct: StructModel, prefix: string, base: string): void {
    for (const field of struct.fields) {
      if (++this.#fields > maxFields) throw new FormatError(`BTF: ${struct.cName} makes too many columns`);
      const name =
        prefix === '' ? field.name : prefix + field.name.charAt(0).toUpperCase() + field.name.slice(1);
      const at = addTo(base, field.offset);
      if (field.shape.kind === 'struct') this.#collect(field.shape.struct, name, at);
      else this.columns.push(column(field, this.#names.take(name), at, this.#expressions));
    }
  }
}

function column(field: Field, name: string, at: string, expressions: Expressions): Column {
  const { shape, bits } = field;
  const target = `this.${name}[i]`;
  const typed = (element: NumberShape, value: string): Column => {
    const type = arrayType(element);
    return { name, type, create: `new ${type}(capacity)`, store: `${target} = ${value}` };
  };
  if (bits !== undefined) {
    const { signed, width } = bits;
    const element: NumberShape =
      width > 32 ? { kind: 'int64', size: 8, signed, big: false } : { kind: 'int', size: 4, signed };
    return typed(element, expressions.bits(bits, at));
  }
  switch (shape.kind) {
    case 'int':
    case 'int64':
    case 'float':
      return typed(shape, expressions.read(shape, at));
    case 'bool': {
      const byte = { kind: 'int', size: 1, signed: false } as const;
      return typed(byte, expressions.read(byte, at));
    }
    case 'enum':
      return typed(shape.integer, expressions.read(shape.integer, at));
    case 'numbers': {
      const { element, count } = shape;
      const type = arrayType(element);
      const place = element.size === 1 ? `${at} + j` : `${at} + j * ${element.size}`;
      const store = `this.${name}[i * ${count} + j] = ${expressions.read(element, place)}`;
      const loop = `for (let j = 0; j < ${count}; j++) ${store}`;
      return { name, type, create: `new ${type}(capacity * ${count})`, store: loop };
    }
    default: {
      const type = expressions.type(shape);
      const array = /^\w+$/.test(type) ? `${type}[]` : `Array<${type}>`;
      return { name, type: array, create: '[]', store: `${target} = ${expressions.read(shape, at)}` };
    }
  }
}
