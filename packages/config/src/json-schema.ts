/** The JSON Schema by which editors complete and check configurations. */
import { z } from 'zod';

/** The text of a schema file. @param title What the file configures, such as `weir balance`. */
export function jsonSchema(title: string, config: z.ZodType): string {
  const { $schema, ...schema } = z.toJSONSchema(config, { io: 'input', target: 'draft-7' });
  return `${JSON.stringify({ $schema, title, ...schema }, null, 2)}\n`;
}
