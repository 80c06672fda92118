/** The JSON Schema by which editors complete and check configurations. */
import { z } from 'zod';
import { configSchema } from './schema.js';

/** The text of `weir-balance.schema.json`. */
export function jsonSchemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
  return `${JSON.stringify({ $schema, title: 'weir balance', ...schema }, null, 2)}\n`;
}
