/** The keys that a map may have at a place of a file, by its schema. */
import { z } from 'zod';
import type { Path } from './yaml-source.js';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Finds them; those of all forms that the map may have. */
export function knownKeys(schema: z.ZodType, path: Path): string[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;
  let places = formsOf(root, root);
  for (const step of path)
    places = places.flatMap((place) => child(place, step)).flatMap((place) => formsOf(place, root));
  return places.flatMap(({ properties }) => Object.keys(properties ?? {}));
}

function formsOf(schema: Schema, root: Schema): Schema[] {
  const { anyOf = [], oneOf = [], allOf = [], $ref } = schema;
  const named = $ref === undefined ? undefined : root.$defs?.[$ref.replace('#/$defs/', '')];
  const forms = [...anyOf, ...oneOf, ...allOf, ...(named === undefined ? [] : [named])];
  return [schema, ...forms.flatMap((form) => formsOf(form, root))];
}

function child({ properties = {}, additionalProperties, items }: Schema, step: PropertyKey): Schema[] {
  if (typeof step === 'number') return items === undefined ? [] : [items];
  const name = String(step);
  if (Object.hasOwn(properties, name)) return [properties[name]!];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}
