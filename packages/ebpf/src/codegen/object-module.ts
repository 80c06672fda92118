/** The part of a generated module that holds the object and loads it. */
import { MapType } from '../uapi/map-types.js';
import type { Expressions } from './expressions.js';
import { camelCase, quote, UniqueNames } from './identifiers.js';
import type { MapModel, ObjectModel, Shape } from './model.js';
import { typeOnly } from './output-format.js';

/** The object that a module holds. */
export interface ObjectPart {
  /** The file, without what only debuggers read. */
  readonly bytes: Uint8Array;
  /** BPF_MAP_TYPE_* by the map's name in C. */
  readonly mapTypes: ReadonlyMap<string, number>;
  /** Programs by their names in C. */
  readonly programs: readonly string[];
}

/** Base64 on one line of the module. */
const lineLength = 100;

export function emitObject(model: ObjectModel, object: ObjectPart, expressions: Expressions): string {
  const names = new UniqueNames();
  const programs = object.programs.map((cName) => ({ name: names.take(camelCase(cName)), cName }));
  for (const type of ['LoadedObject', 'LoadObjectOptions', ...(programs.length > 0 ? ['Program'] : [])])
    expressions.use(`type ${type}`);
  const types = `/** The object's maps. */
export interface ObjectMaps {
${model.maps.map((map) => `  readonly ${map.name}: ${mapType(map, object, expressions)};\n`).join('')}}

/** The object's global variables; constants are set by {@link load} alone. */
export interface ObjectGlobals {
${model.globals.map(({ name, section, shape }) => `  ${section.startsWith('.rodata') ? 'readonly ' : ''}${name}: ${expressions.type(shape)};\n`).join('')}}

/** The object's programs. */
export interface ObjectPrograms {
${programs.map(({ name }) => `  readonly ${name}: Program;\n`).join('')}}

`;
  const loaded = 'LoadedObject<ObjectMaps, ObjectGlobals, ObjectPrograms>';
  const [noMaps, noGlobals] = [model.maps, model.globals].map(({ length }) => length === 0);
  return `${typeOnly(types)}/** The object's programs. */
export const programs = {
${programs.map(({ name, cName }) => `  ${name}: ${quote(cName)},\n`).join('')}}${typeOnly(' as const')};

/** The object file, in base64. */
const compiled =
${base64Lines(object.bytes)};

/** Creates the maps and loads the programs. Close what it returns. */
export function load(options${typeOnly('?: LoadObjectOptions<ObjectGlobals>')})${typeOnly(`: ${loaded}`)} {
  const description = { maps${noMaps ? ': {}' : ''}, globals${noGlobals ? ': {}' : ''}, programs };
  return ${expressions.use('loadObject')}(compiled, description, options);
}
`;
}

function base64Lines(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines = text.match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? [''];
  return lines.map((line) => `  '${line}'`).join(' +\n');
}

/** The type of what `typed/object.ts` makes of a map. */
function mapType({ cName, key, value }: MapModel, object: ObjectPart, expressions: Expressions): string {
  const typeOf = (shape: Shape | undefined) => (shape === undefined ? 'Uint8Array' : expressions.type(shape));
  const use = (name: string) => {
    expressions.use(`type ${name}`);
    return name;
  };
  switch (object.mapTypes.get(cName)) {
    case MapType.ringbuf:
    case MapType.perfEventArray:
      return `${use('RecordMap')}<${typeOf(value)}>`;
    case MapType.queue:
    case MapType.stack:
      return `${use('TypedQueue')}<${typeOf(value)}>`;
    case MapType.progArray:
    case MapType.cgroupArray:
    case MapType.arrayOfMaps:
    case MapType.hashOfMaps:
      return use('DescriptorMap');
    case MapType.bloomFilter:
      return use('BloomFilterMap');
    case MapType.userRingbuf:
      return `${use('UserRecordMap')}<${typeOf(value)}>`;
    case MapType.arena:
      return use('ArenaMap');
    case MapType.percpuHash:
    case MapType.percpuArray:
    case MapType.lruPercpuHash:
    case MapType.percpuCgroupStorage:
      return `${use('TypedPerCpuMap')}<${typeOf(key)}, ${typeOf(value)}>`;
    default:
      return `${use('TypedMap')}<${typeOf(key)}, ${typeOf(value)}>`;
  }
}
