/** The capabilities that `weir` needs, one at a time. docs/trace.md states the result. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asNobody } from './support/command.js';
import { assertRefused, assertTraces, doctor } from './support/privileges.js';

describe('capabilities', () => {
  it('CAP_BPF and CAP_PERFMON are enough', () => assertTraces(asNobody('bpf', 'perfmon')));

  it('CAP_SYS_ADMIN alone is enough', () => assertTraces(asNobody('sys_admin')));

  it('weir doctor finds CAP_BPF and CAP_PERFMON to be enough', async () => {
    const { status, report } = await doctor(asNobody('bpf', 'perfmon'));
    assert.deepEqual(report.problems, []);
    assert.equal(status, 0);
  });

  for (const [has, lacks] of [
    [[], ['CAP_BPF', 'CAP_PERFMON']],
    [['bpf'], ['CAP_PERFMON']],
    [['perfmon'], ['CAP_BPF']],
    // Much of what root has, without the two and without CAP_SYS_ADMIN, which includes them.
    [
      ['net_admin', 'sys_ptrace', 'syslog', 'dac_override'],
      ['CAP_BPF', 'CAP_PERFMON'],
    ],
  ] as const) {
    const held = has.length === 0 ? 'none' : `only ${has.join(', ')}`;
    it(`with ${held}: weir trace names ${lacks.join(' and ')} in one line`, () =>
      assertRefused(asNobody(...has), new RegExp(`^this process lacks ${lacks.join(' and ')}: `)));

    it(`with ${held}: weir doctor names ${lacks.join(' and ')}`, async () => {
      const { status, report } = await doctor(asNobody(...has));
      assert.equal(status, 1);
      assert.equal(report.ok, false);
      assert.deepEqual(
        report.problems.map(({ what }) => what),
        [`this process lacks ${lacks.join(' and ')}`],
      );
      const absent = report.capabilities.filter(({ present }) => !present).map(({ name }) => name);
      assert.deepEqual(absent, lacks);
    });
  }

  it('root of a user namespace is refused in one line', () =>
    assertRefused(['unshare', '--user', '--map-root-user'], /EPERM.*user namespace/));
});
