import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeView } from '../src/hooks/host-view.js';

describe('the hooks as seen from a pid namespace', () => {
  const choices = ['lifecycle', 'accept'].map((purpose) => ({ purpose, candidates: [] }));

  it('name whose process ids they show, unless it is that of the host', () => {
    assert.equal(describeView(choices, 'initial'), choices);
    const [first, second] = describeView(choices, 'other');
    assert.match(first?.partial?.what ?? '', /process ids are those of the host, not those that/);
    assert.equal(second?.partial, undefined);
    assert.deepEqual(describeView([], 'other'), []);
  });

  it('do not say that they show other process ids where that is not known', () => {
    const [first] = describeView(choices, 'unknown');
    assert.match(first?.partial?.what ?? '', /is not known without \/proc$/);
    assert.match(first?.partial?.advice ?? '', /^mount procfs/);
  });
});
