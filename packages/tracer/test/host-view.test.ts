import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeView } from '../src/hooks/host-view.js';

describe('the hooks as seen from a pid namespace', () => {
  const choices = ['lifecycle', 'accept'].map((purpose) => ({ purpose, candidates: [] }));

  it('name whose process ids they show, unless it is that of the host', () => {
    assert.equal(describeView(choices, true), choices);
    const [first, second] = describeView(choices, false);
    assert.match(first?.partial?.what ?? '', /process ids are those of the host/);
    assert.equal(second?.partial, undefined);
    assert.deepEqual(describeView([], false), []);
  });
});
