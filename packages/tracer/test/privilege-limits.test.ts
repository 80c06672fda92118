import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CapabilityName } from '@weir/ebpf/sys';
import { privilegeLimits } from '../src/connections/privilege-limits.js';
import type { PidNamespaceView } from '../src/enrich/pid-namespace.js';

it('missing privileges are named as limits of live connections', () => {
  const lacking = (effective: readonly CapabilityName[], view: PidNamespaceView = 'initial') =>
    privilegeLimits(new Set(effective), view).map(({ what }) => what.split(':')[0]);
  assert.deepEqual(lacking(['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']), []);
  assert.deepEqual(lacking(['CAP_BPF', 'CAP_PERFMON']), [
    'this process lacks CAP_SYS_ADMIN',
    'this process lacks CAP_SYS_PTRACE',
  ]);
  assert.deepEqual(lacking(['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'], 'other'), [
    'this process is not in the initial pid namespace',
  ]);
  assert.deepEqual(lacking(['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'], 'unknown'), [
    '/proc does not show this process',
  ]);
});
