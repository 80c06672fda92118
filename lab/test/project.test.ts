import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFor } from '../src/guest/project.js';

test('a guest gets the packages of its own architecture and of its C library', () => {
  assert.ok(isFor('arm64', {}));
  assert.ok(isFor('arm64', { cpu: ['arm64'], os: ['linux'] }));
  assert.ok(isFor('arm64', { cpu: ['arm64'], os: ['linux'], libc: ['glibc'] }));
  assert.ok(!isFor('arm64', { cpu: ['x64'], os: ['linux'] }));
  assert.ok(!isFor('arm64', { cpu: ['arm64'], os: ['linux'], libc: ['musl'] }));
  assert.ok(!isFor('arm64', { cpu: ['arm64'], os: ['darwin'] }));
});
