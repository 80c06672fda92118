import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureKind } from '../src/store/failure-kind.js';

test('a full disk is known by what the database says of it, wherever it was in the way', () => {
  const offload = 'failed to offload data block of size 256.0 KiB (3.6 MiB/3.8 MiB used).';
  const kinds: readonly (readonly [string, string])[] = [
    ['IO Error: Could not write file "x": No space left on device', 'full'],
    [`FATAL Error: Failed to create checkpoint because of error: ${offload}`, 'full'],
    // A question that needs more memory than it may have.
    [`Out of Memory Error: ${offload}`, 'memory'],
  ];
  for (const [message, kind] of kinds) assert.equal(failureKind(new Error(message)), kind, message);
  assert.equal(failureKind(Object.assign(new Error('write'), { code: 'ENOSPC' })), 'full');
});
