/** The capabilities that `weir` needs, one at a time. docs/trace.md states the result. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asNobody, runWeir } from './support/command.js';
import { TestNetns } from './support/load.js';
import { assertRefused, assertTraces, doctor } from './support/privileges.js';

/** A mount namespace of its own, with a procfs that shows users their own processes alone. */
const hidingProcesses = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t proc -o hidepid=2 proc /proc && exec "$0" "$@"',
];

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

  it('without CAP_SYS_PTRACE, --enrich says which details are missing', async () => {
    const others = [
      [[], /^no executables of other users' processes: .*CAP_SYS_PTRACE/m],
      [hidingProcesses, /^no details of other users' processes: .*hidepid/m],
    ] as const;
    for (const [around, line] of others) {
      const prefix = [...around, ...asNobody('bpf', 'perfmon')];
      using netns = new TestNetns();
      const args = ['trace', '--enrich', '--netns', String(netns.inode), '--duration', '0.2s'];
      const { status, stderr } = await runWeir(args, prefix);
      assert.equal(status, 0, stderr);
      assert.match(stderr.replaceAll('weir: ', ''), line);
    }
  });

  it('root of a user namespace is refused in one line', () =>
    assertRefused(['unshare', '--user', '--map-root-user'], /EPERM.*user namespace/));
});
