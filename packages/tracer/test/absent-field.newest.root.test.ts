/**
 * Types that lack one field, as a discovery leaves them that may not do all: what needs the field is off, and nothing else. On the kernels
 * between, discovery.root.test.ts leaves out all at once, and halves.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { discover } from '../src/discovery/index.js';
import { toBtf } from '../src/discovery/types.js';
import { loadWith, optionalFields } from './support/load-with.js';

const { fields, missing } = discover();
const optional = optionalFields(fields);

describe('programs', () => {
  it('have fields that they can do without', () => {
    assert.deepEqual(missing, []);
    assert.ok(optional.length > 20);
  });

  for (const { field } of optional)
    it(`do without ${field}`, () => {
      loadWith(toBtf(fields.filter((one) => one.field !== field)));
    });
});
