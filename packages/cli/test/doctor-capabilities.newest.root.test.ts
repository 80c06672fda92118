/** What `weir doctor` says without the capabilities that do not depend on the kernel's version. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asNobody } from './support/command.js';
import { asRootWithout, assertNothingMissing } from './support/doctor-marks.js';
import { doctor } from './support/privileges.js';

describe('weir doctor', () => {
  it('says in JSON that most is not known, to nobody', async () => {
    const { status, report } = await doctor(asNobody());
    assert.equal(status, 1);
    const ringbuf = report.features.find(({ name }) => name === 'ringbuf');
    assert.equal(ringbuf?.state, 'unknown');
    assert.equal(ringbuf.reason, 'needs CAP_BPF');
    assert.deepEqual(ringbuf.missing, ['CAP_BPF']);
    const lifeCycle = report.hooks.find(({ purpose }) => purpose === 'lifecycle of connections');
    assert.equal(lifeCycle?.undecided, 'needs CAP_BPF and CAP_PERFMON');
    assert.equal('chosen' in lifeCycle, false);
  });

  for (const [what, prefix, works, named] of [
    // CAP_SYS_ADMIN serves in the place of these two.
    ['root without CAP_BPF', asRootWithout('bpf', 'sys_admin'), false, 'CAP_BPF'],
    ['root without CAP_PERFMON', asRootWithout('perfmon', 'sys_admin'), false, 'CAP_PERFMON'],
    [
      'root without the capabilities for files, addresses and other processes',
      asRootWithout('dac_override', 'dac_read_search', 'syslog', 'sys_ptrace', 'sys_resource', 'net_raw'),
      true,
    ],
  ] as const) {
    it(`calls nothing missing that root has, for ${what}`, () => assertNothingMissing(prefix, works, named));
  }
});
