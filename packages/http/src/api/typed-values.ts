/** Values of a query as its schema has them: an address holds only texts. Pure. */
import { z } from 'zod';

interface JsonType {
  readonly type?: string;
  readonly items?: JsonType;
}

/** Texts that are no number, or whatever else is expected, stay as they are: the schema refuses them. */
export function typedValues(
  schema: z.ZodObject,
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as {
    readonly properties?: Readonly<Record<string, JsonType>>;
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, text]) => [
      name,
      typed(text, Object.hasOwn(properties, name) ? properties[name] : undefined),
    ]),
  );
}

function typed(text: string, { type, items }: JsonType = {}): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      return /^-?\d{1,16}(?:\.\d{1,16})?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'array':
      return text.split(',').map((item) => typed(item, items));
    default:
      return text;
  }
}
