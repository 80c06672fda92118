/** What `weir` needs to be allowed, one capability at a time. docs/trace.md tells the result. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelAtLeast } from '@weir/ebpf';
import { asNobody, onlyLine, runWeir, traceWhile } from './support/command.js';
import { TestNetns } from './support/load.js';
import { parseLines } from './support/record-shape.js';

/** Runs a command with the limit that Linux gives by default on old distributions: 64 KiB of locked memory. */
const littleMemlock = ['sh', '-c', 'ulimit -l 64; exec "$@"', 'sh'];

/** Traces two connections; a tracer that may not see everything would not print all of their eight lines. */
async function assertTraces(prefix: readonly string[]): Promise<void> {
  using netns = new TestNetns();
  const args = ['--json', '--netns', String(netns.inode)];
  const { status, stdout, stderr } = await traceWhile(
    args,
    () => netns.load('pairs', '--count', '2'),
    prefix,
  );
  assert.equal(status, 0, stderr);
  assert.equal(parseLines(stdout).length, 8);
  assert.match(onlyLine(stderr), /^8 events in .*; none lost$/);
}

async function assertRefused(prefix: readonly string[], line: RegExp): Promise<void> {
  const trace = await runWeir(['trace', '--duration', '1s'], prefix);
  assert.equal(trace.status, 1);
  assert.equal(trace.stdout, '');
  assert.match(onlyLine(trace.stderr), line);
}

interface DoctorReport {
  readonly ok: boolean;
  readonly capabilities: readonly { readonly name: string; readonly present: boolean }[];
  readonly problems: readonly { readonly what: string }[];
}

async function doctor(
  prefix: readonly string[],
): Promise<{ readonly status: number | null; readonly report: DoctorReport }> {
  const { status, stdout } = await runWeir(['doctor', '--json'], prefix);
  return { status, report: JSON.parse(stdout) as DoctorReport };
}

describe('capabilities', () => {
  it('CAP_BPF and CAP_PERFMON are enough', () => assertTraces(asNobody('bpf', 'perfmon')));

  it('CAP_SYS_ADMIN alone is enough', () => assertTraces(asNobody('sys_admin')));

  it('weir doctor finds them to be enough', async () => {
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

  it('in a user namespace, whose root is not that of the kernel', () =>
    assertRefused(['unshare', '--user', '--map-root-user'], /EPERM.*user namespace/));
});

describe('64 KiB of locked memory', () => {
  const counted = !kernelAtLeast('5.11');
  it(counted ? 'is too little before 5.11, and the line says so' : 'does not matter since 5.11', () => {
    const prefix = [...littleMemlock, ...asNobody('bpf', 'perfmon')];
    return counted ? assertRefused(prefix, /RLIMIT_MEMLOCK.*CAP_SYS_RESOURCE/) : assertTraces(prefix);
  });

  it('weir doctor knows', async () => {
    const { status, report } = await doctor([...littleMemlock, ...asNobody('bpf', 'perfmon')]);
    assert.equal(status, counted ? 1 : 0);
    assert.equal(report.problems.length, counted ? 1 : 0);
    if (counted) assert.match(report.problems[0]!.what, /RLIMIT_MEMLOCK/);
  });

  if (!counted) return;
  it('is enough with CAP_SYS_RESOURCE', () =>
    assertTraces([...littleMemlock, ...asNobody('bpf', 'perfmon', 'sys_resource')]));
});
