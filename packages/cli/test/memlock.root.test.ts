/** Tests whether locked memory limits `weir`, which depends on the kernel. docs/trace.md states the result. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelAtLeast } from '@weir/ebpf';
import { asNobody } from './support/command.js';
import { assertRefused, assertTraces, doctor } from './support/privileges.js';

/** Runs a command with the limit that Linux gives by default on old distributions: 64 KiB of locked memory. */
const littleMemlock = ['sh', '-c', 'ulimit -l 64; exec "$@"', 'sh'];

describe('64 KiB of locked memory', () => {
  const counted = !kernelAtLeast('5.11');
  it(counted ? 'is too little before 5.11, and the line says so' : 'does not matter since 5.11', () => {
    const prefix = [...littleMemlock, ...asNobody('bpf', 'perfmon')];
    return counted ? assertRefused(prefix, /RLIMIT_MEMLOCK.*CAP_SYS_RESOURCE/) : assertTraces(prefix);
  });

  it('weir doctor reports the limit', async () => {
    const { status, report } = await doctor([...littleMemlock, ...asNobody('bpf', 'perfmon')]);
    assert.equal(status, counted ? 1 : 0);
    assert.equal(report.problems.length, counted ? 1 : 0);
    if (counted) assert.match(report.problems[0]!.what, /RLIMIT_MEMLOCK/);
  });

  if (!counted) return;
  it('is enough with CAP_SYS_RESOURCE', () =>
    assertTraces([...littleMemlock, ...asNobody('bpf', 'perfmon', 'sys_resource')]));
});
