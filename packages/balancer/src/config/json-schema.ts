/** The JSON Schema by which editors complete and check configurations. */
import { jsonSchema } from '@weir/config';
import { configSchema } from './schema.js';

/** The text of `weir-balance.schema.json`. */
export function jsonSchemaText(): string {
  return jsonSchema('weir balance', configSchema);
}
