/** Finds in an object's BTF what user space shares with it. */
import type { Btf } from '../btf/parse.js';
import { type DatasecType, isComposite, Kind } from '../btf/types.js';
import { camelCase, UniqueNames } from './identifiers.js';
import type { GlobalModel, MapModel, ObjectModel } from './model.js';
import { Shapes } from './shapes.js';
import { Tags } from './tags.js';

/** The declaration tag that asks for a type which no map or variable leads to. */
const exportTag = 'export';
/** The declaration tag of 64-bit integers that are exact as numbers. */
const numberTag = 'number';
/** Global pointers of this name only make their target's type known. */
const typeMarker = /^_*unused/;
const dataSection = /^\.((rodata|data|bss)(\.|$)|addr_space\.1$)/;

/**
 * The maps, globals and shared types of an object. Shared are:
 * - key and value types of maps,
 * - types of global variables in `.rodata`, `.data`, `.bss` and arenas,
 * - what a global pointer points to whose name begins with `unused`: `const struct event *unused_event
 *   __attribute__((unused));` makes a type known that is only sent through a ring buffer,
 * - types tagged `__attribute__((btf_decl_tag("export")))`,
 * - and all that these contain by value.
 *
 * Integers of 64 bits are bigints as keys of maps, in structs that are keys, as values of maps and as globals, or numbers where the variable
 * or member is tagged `__attribute__((btf_decl_tag("number")))`; members of other structs are numbers, or bigints where they are tagged
 * `bigint`.
 *
 * @throws FormatError if the types are damaged, or contain themselves.
 */
export function analyse(btf: Btf): ObjectModel {
  const tags = new Tags(btf);
  const shapes = new Shapes(btf, tags);
  const maps: MapModel[] = [];
  const globals: GlobalModel[] = [];
  const sections: DatasecType[] = [];
  for (let id = 1; id < btf.length; id++)
    if (btf.kind(id) === Kind.datasec) sections.push(btf.type(id) as DatasecType);
  const context = { btf, shapes, tags };
  const isMaps = ({ name }: DatasecType) => name === '.maps';
  for (const section of sections.filter(isMaps)) addKeys(section, context);
  for (const section of sections) {
    if (isMaps(section)) maps.push(...mapsOf(section, context));
    else if (dataSection.test(section.name)) globals.push(...globalsOf(section, context));
  }
  for (const id of tags.tagged(exportTag)) shapes.addRecord(id);
  const mapNames = new UniqueNames();
  const globalNames = new UniqueNames();
  return {
    littleEndian: btf.littleEndian,
    enums: shapes.enums,
    structs: shapes.structs,
    records: shapes.records,
    maps: maps.map((map) => ({ ...map, name: mapNames.take(map.name) })),
    globals: globals.map((global) => ({ ...global, name: globalNames.take(global.name) })),
  };
}

interface Context {
  readonly btf: Btf;
  readonly shapes: Shapes;
  readonly tags: Tags;
}

interface Declaration {
  readonly name: string;
  readonly typeId: number;
  readonly key: number | undefined;
  readonly value: number | undefined;
}

/** The maps that a section declares, with the types of their keys and values. */
function* declarations({ variables }: DatasecType, { btf }: Context): Generator<Declaration> {
  for (const { typeId } of variables) {
    const variable = btf.type(typeId);
    if (variable.kind !== Kind.var) continue;
    const definition = btf.resolve(variable.typeId);
    if (!isComposite(definition)) continue;
    // `__type(key, T)` declares a member `T *key`.
    const typeOf = (what: 'key' | 'value') => {
      const member = definition.members.find(({ name }) => name === what);
      const pointer = member === undefined ? undefined : btf.resolve(member.typeId);
      return pointer?.kind === Kind.ptr ? pointer.typeId : undefined;
    };
    yield { name: variable.name, typeId, key: typeOf('key'), value: typeOf('value') };
  }
}

function addKeys(section: DatasecType, context: Context): void {
  for (const { key } of declarations(section, context)) if (key !== undefined) context.shapes.addKey(key);
}

function mapsOf(section: DatasecType, context: Context): MapModel[] {
  const { shapes, tags } = context;
  return [...declarations(section, context)].map(({ name, typeId, key, value }) => {
    const exact = !tags.has(numberTag, typeId);
    const shapeOf = (id: number | undefined, what: string) =>
      id === undefined ? undefined : shapes.shape(id, `${name}_${what}`, exact);
    const keyShape = shapeOf(key, 'key');
    if (value !== undefined) shapes.addRecord(value);
    return { name: camelCase(name), cName: name, key: keyShape, value: shapeOf(value, 'value') };
  });
}

function globalsOf(section: DatasecType, { btf, shapes, tags }: Context): GlobalModel[] {
  const globals: GlobalModel[] = [];
  for (const { typeId } of section.variables) {
    const variable = btf.type(typeId);
    if (variable.kind !== Kind.var) continue;
    const type = btf.resolve(variable.typeId);
    if (type.kind === Kind.ptr && typeMarker.test(variable.name)) {
      shapes.addRecord(type.typeId);
      continue;
    }
    // A static variable of a function is called `function.variable`; string literals of format calls look alike.
    if (variable.name.includes('.') || variable.name.startsWith('____fmt')) continue;
    const shape = shapes.shape(variable.typeId, variable.name, !tags.has(numberTag, typeId));
    if (shape === undefined) continue;
    globals.push({ name: camelCase(variable.name), cName: variable.name, section: section.name, shape });
  }
  return globals;
}
