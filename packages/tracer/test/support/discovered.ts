/** Compares a discovery with what the kernel's own types or its build say. */
import assert from 'node:assert/strict';
import { knownFields } from '../../src/discovery/fields.js';
import type { Discovery } from '../../src/discovery/index.js';
import { judge } from './layout.js';

/** Every field that this kernel has was found, and is where the kernel says. @param absent Names that cannot be found. */
export function assertTrue({ fields, missing }: Discovery, absent: readonly string[] = []): void {
  const placeOf = judge();
  const found = new Map(fields.map(({ field, offset, size }) => [field, { offset, size }]));
  const expected = new Map(
    knownFields
      .filter((field) => !absent.includes(field.field))
      .flatMap((field) => {
        const place = placeOf(field);
        return place === undefined ? [] : [[field.field, place] as const];
      }),
  );
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected), JSON.stringify(missing));
}
