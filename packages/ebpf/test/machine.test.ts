import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EbpfError } from '../src/errors.js';
import { requireLittleEndian, thisMachine } from '../src/machine.js';

test('a big-endian machine is refused by one line that names it, and little-endian ones are not', () => {
  assert.throws(
    () => requireLittleEndian({ platform: 'linux', architecture: 's390x', byteOrder: 'BE' }),
    (error) => {
      assert.ok(error instanceof EbpfError);
      assert.match(error.message, /^linux-s390x is big-endian; .*: use an x64 or arm64 machine$/);
      return true;
    },
  );
  requireLittleEndian({ platform: 'linux', architecture: 'arm64', byteOrder: 'LE' });
  assert.deepEqual([thisMachine().platform, thisMachine().architecture], [process.platform, process.arch]);
});
