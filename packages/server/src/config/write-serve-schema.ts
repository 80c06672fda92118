/** Writes `weir-serve.schema.json`: `npm run build:schema`. */
import { writeFileSync } from 'node:fs';
import { serveSchemaText } from './serve-config.js';

writeFileSync(new URL('../../../weir-serve.schema.json', import.meta.url), serveSchemaText());
