/** Tests of what only some kernels have. */
import assert from 'node:assert/strict';
import { release } from 'node:os';
import type { TestContext } from 'node:test';
import { kernelAtLeast } from '../../src/sys/kernel-version.js';

/**
 * Skips a test whose feature the running kernel lacks. Fails it instead if the kernel is of the version that brought
 * the feature or newer: then the feature ought to be there. Returns whether to go on.
 */
export function requireFeature(
  t: TestContext,
  needed: { readonly feature: string; readonly since: string },
  present: boolean,
): boolean {
  if (present) return true;
  const message = `needs ${needed.feature}, which Linux has since ${needed.since}; this is ${release()}`;
  assert.ok(!kernelAtLeast(needed.since), `${message}: it ought to be there`);
  t.skip(message);
  return false;
}

/** {@link requireFeature} for what cannot be probed: goes by the kernel's version alone. */
export function requireKernel(t: TestContext, feature: string, since: string): boolean {
  return requireFeature(t, { feature, since }, kernelAtLeast(since));
}
