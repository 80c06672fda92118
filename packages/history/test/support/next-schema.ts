/** The schema that may come next. */
import { currentSchema, optional, SCHEMA_VERSION, type Schema } from '../../src/schema/index.js';

/** A schema of the version after the current one: `ends` has one more column, in the middle. */
export function nextSchema(): Schema {
  const version = SCHEMA_VERSION + 1;
  const { event, ...others } = currentSchema.tables.ends!;
  const ends = { ...others, colour: optional('text', 'Colour of the connection.', version), event: event! };
  return {
    ...currentSchema,
    version,
    tables: { ...currentSchema.tables, ends },
    migrations: [
      ...currentSchema.migrations,
      { version, statements: ['ALTER TABLE recent.ends ADD COLUMN colour VARCHAR'] },
    ],
  };
}
