/** Writes `weir-balance.schema.json`: `npm run build:schema`. */
import { writeFileSync } from 'node:fs';
import { jsonSchemaText } from './json-schema.js';

writeFileSync(new URL('../../../weir-balance.schema.json', import.meta.url), jsonSchemaText());
