/** `weir serve` without the privileges to trace. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { asNobody, onlyLine, runWeir } from './support/command.js';

describe('weir serve names the missing privilege, and makes no folder', () => {
  for (const [who, prefix, reason] of [
    ['a user without any', asNobody(), /^this process lacks CAP_BPF and CAP_PERFMON: /],
    [
      'root of a user namespace',
      ['unshare', '--user', '--map-root-user'],
      /^bpf\(2\) fails with EPERM: .*user namespace/,
    ],
  ] as const) {
    it(who, async () => {
      const folder = join(tmpdir(), `weir-serve-refused-${process.pid}`);
      const { status, stderr } = await runWeir(['serve', '--folder', folder], prefix);
      assert.equal(status, 1, stderr);
      assert.match(onlyLine(stderr), reason);
      assert.ok(!existsSync(folder));
    });
  }
});
