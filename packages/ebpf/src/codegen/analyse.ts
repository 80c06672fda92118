/** Finds in an object's BTF what user space shares with it. */
import type { Btf } from '../btf/parse.js';
import { type DatasecType, isComposite, Kind } from '../btf/types.js';
import { camelCase, UniqueNames } from './identifiers.js';
import type { GlobalModel, MapModel, ObjectModel } from './model.js';
import { Shapes } from './shapes.js';
import { Tags } from './tags.js';

/** The declaration tag that asks for a type which no map or variable leads to. */
const exportTag = 'export';
/** Global pointers of this name only make their target's type known. */
const typeMarker = /^_*unused/;
const dataSection = /^\.(rodata|data|bss)(\.|$)/;

/**
 * The maps, globals and shared types of an object. Shared are:
 * - key and value types of maps,
 * - types of global variables in `.rodata`, `.data` and `.bss`,
 * - what a global pointer points to whose name begins with `unused`: `const struct event *unused_event
 *   __attribute__((unused));` makes a type known that is only sent through a ring buffer,
 * - types tagged `__attribute__((btf_decl_tag("export")))`,
 * - and all that these contain by value.
 *
 * @throws FormatError if the types are damaged, or contain themselves.
 */
export function analyse(btf: Btf): ObjectModel {
  const tags = new Tags(btf);
  const shapes = new Shapes(btf, tags);
  const maps: MapModel[] = [];
  const globals: GlobalModel[] = [];
  for (let id = 1; id < btf.length; id++) {
    if (btf.kind(id) !== Kind.datasec) continue;
    const section = btf.type(id) as DatasecType;
    if (section.name === '.maps') maps.push(...mapsOf(btf, section, shapes));
    else if (dataSection.test(section.name)) globals.push(...globalsOf(btf, section, shapes));
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

function mapsOf(btf: Btf, section: DatasecType, shapes: Shapes): MapModel[] {
  const maps: MapModel[] = [];
  for (const { typeId } of section.variables) {
    const variable = btf.type(typeId);
    if (variable.kind !== Kind.var) continue;
    const definition = btf.resolve(variable.typeId);
    if (!isComposite(definition)) continue;
    // `__type(key, T)` declares a member `T *key`.
    const shapeOf = (what: 'key' | 'value') => {
      const member = definition.members.find(({ name }) => name === what);
      const pointer = member === undefined ? undefined : btf.resolve(member.typeId);
      if (pointer?.kind !== Kind.ptr) return undefined;
      if (what === 'value') shapes.addRecord(pointer.typeId);
      return shapes.shape(pointer.typeId, `${variable.name}_${what}`);
    };
    const { name } = variable;
    maps.push({ name: camelCase(name), cName: name, key: shapeOf('key'), value: shapeOf('value') });
  }
  return maps;
}

function globalsOf(btf: Btf, section: DatasecType, shapes: Shapes): GlobalModel[] {
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
    const shape = shapes.shape(variable.typeId, variable.name);
    if (shape === undefined) continue;
    globals.push({ name: camelCase(variable.name), cName: variable.name, section: section.name, shape });
  }
  return globals;
}
