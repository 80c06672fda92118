import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requireBalancerKernel, supportsBalancer } from '../src/requirement.js';

const linux = (major: number, minor: number, patch = 0) => ({
  major,
  minor,
  patch,
  code: (major << 16) | (minor << 8) | patch,
});

describe('the kernel that the balancer needs', () => {
  it('is 5.10, and an older one is refused for that, not for a feature that it may have', () => {
    assert.throws(() => requireBalancerKernel(linux(5, 4, 49)), {
      name: 'UnsupportedError',
      message:
        'this kernel has no support for all that the balancer needs (Linux 5.10 and later have it): this is Linux 5.4.49',
    });
    assert.throws(() => requireBalancerKernel(linux(4, 18)), /5\.10/);
  });

  it('is there from 5.10 on', () => {
    for (const version of [linux(5, 10), linux(5, 15, 3), linux(6, 1), linux(7, 0)])
      assert.ok(supportsBalancer(version), `${version.major}.${version.minor}`);
    requireBalancerKernel(linux(5, 10));
  });
});
