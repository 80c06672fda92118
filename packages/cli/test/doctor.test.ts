import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { SyscallError } from '@weir/ebpf/errors';
import type { HostReport } from '@weir/tracer';
import { formatReport } from '../src/doctor/report.js';
import { describeFailure } from '../src/failure.js';
import { ansiColour, noColour } from '../src/text/colour.js';
import { partialLines } from '../src/trace/plan.js';
import { report } from './support/fake-tracer.js';

const { EPERM } = constants.errno;

describe('the report of weir doctor', () => {
  it('shows what is present, what is chosen, and what to do', () => {
    assert.equal(
      formatReport(report, noColour),
      `Kernel
  6.1.0-50-amd64 x86_64
  #1 SMP PREEMPT_DYNAMIC Debian

Types
  ✓ the kernel's own: /sys/kernel/btf/vmlinux, 134,512 types

Capabilities
  ✓ CAP_BPF      to load programs
  ✗ CAP_PERFMON  to attach them

Hooks
  accept: listener
    ✗ fentry:security_sock_graft  no BPF trampolines
    ✓ listener                    needs nothing
    Accepts are put down to the listener.

Features
  ✓ ring buffer  since 5.8

Names of containers
  ? Docker        /var/lib/docker/containers: EACCES
  ✓ Docker's API  /var/run/docker.sock

Problems
  ✗ CAP_PERFMON is missing
    Run as root.

✓ there   ✗ not there   ? not known

weir trace does not work here.
`,
    );
  });

  it('says that the kernel is too old for the balancer, whatever its features', () => {
    const old = formatReport(report, noColour, { since: '5.10', ok: false });
    assert.match(old, /here\.\nweir balance does not work here: it needs Linux 5\.10 or later\.\n$/);
    assert.doesNotMatch(formatReport(report, noColour, { since: '5.10', ok: true }), /weir balance/);
  });

  it('says why the balancer does not work here, or that this is not known', () => {
    const balancer = { since: '5.10', ok: false, reason: 'this process lacks CAP_NET_ADMIN: run it as root' };
    const lines = (text: string) => text.split('\n').slice(-2);
    assert.deepEqual(lines(formatReport(report, noColour, balancer)), [
      'weir balance does not work here: this process lacks CAP_NET_ADMIN: run it as root',
      '',
    ]);
    assert.match(
      formatReport(report, noColour, { ...balancer, unknown: true }),
      /\nIt is not known whether weir balance works here: this process lacks CAP_NET_ADMIN/,
    );
  });

  it('says what a hook does not see from inside a container', () => {
    const [hook] = report.hooks;
    const partial = { what: 'UDP is counted in part', advice: 'leave the container' };
    const text = formatReport({ ...report, hooks: [{ ...hook!, partial }] }, noColour);
    assert.match(text, /UDP is counted in part; leave the container\n/);
    assert.deepEqual(partialLines([hook!, { ...hook!, partial }]), [
      'UDP is counted in part; leave the container',
    ]);
  });

  it('is short where all is well', () => {
    const well = {
      ...report,
      btf: { source: 'none' as const },
      containers: [{ name: 'Docker', path: '/var/lib/docker/containers', state: 'absent' as const }],
      hooks: [],
      features: [],
      problems: [],
      ok: true,
    };
    const text = formatReport(well, noColour);
    assert.match(text, /✗ none\n/);
    assert.match(text, /Names of containers\n {2}✗ no container runtime was found\n/);
    assert.match(
      text,
      /Problems\n {2}none\n\n✓ there {3}✗ not there {3}\? not known\n\nweir trace works here\.\n$/,
    );
    assert.doesNotMatch(text, /Hooks|Features/);
  });

  it('names the fields that a discovery did not find, and why', () => {
    const why = 'at no offset does what was known stand';
    const missing = [
      { field: 'tcp_sock.segs_in', why },
      { field: 'sock_common.skc_v6_daddr', why: 'no known value could be set' },
      { field: 'tcp_sock.srtt_us', why },
    ];
    const typesOf = (btf: HostReport['btf']) =>
      /Types\n((?: {2}.*\n)*)/.exec(formatReport({ ...report, btf }, noColour))?.[1]?.split('\n');
    assert.deepEqual(typesOf({ source: 'discovery', types: 30, missing }), [
      '  ✓ discovered, 30 types',
      `  ✗ not found: ${why}: tcp_sock.segs_in, tcp_sock.srtt_us`,
      '  ✗ not found: no known value could be set: sock_common.skc_v6_daddr',
      '',
    ]);
    assert.deepEqual(typesOf({ source: 'cache', types: 30, missing: [{ field: 'net.inum' }] }), [
      '  ✓ from an earlier discovery, 30 types',
      '  ✗ not found, by an earlier discovery: net.inum',
      '',
    ]);
  });

  it('gives long advice its own lines', () => {
    const problems = [{ what: 'rejected', advice: 'R1 invalid\nR2 invalid\x1b' }];
    const text = formatReport({ ...report, problems }, noColour);
    assert.ok(text.includes('  ✗ rejected\n    R1 invalid\n    R2 invalid\\x1b\n'));
  });

  it('shows the logs that it has, below what they are about', () => {
    const btf = { ...report.btf, rejected: 'not these', log: 'R1 invalid\nR2 invalid\x1b\n' };
    const problems = [{ what: 'no start', advice: 'none', log: 'R3 invalid\n' }];
    const text = formatReport({ ...report, btf, problems }, noColour);
    assert.ok(text.includes('  ✗ not these\n      R1 invalid\n      R2 invalid\\x1b\n  ✓ '), text);
    assert.ok(text.includes('  ✗ no start\n    none\n      R3 invalid\n'), text);
  });

  it('says once what keeps features and hooks from being known, and where that is something else', () => {
    const unknown = { state: 'unknown', reason: 'needs CAP_BPF', advice: 'run it as root' } as const;
    const text = formatReport(
      {
        ...report,
        btf: { source: 'none', undecided: 'this process lacks CAP_BPF' },
        features: [
          { name: 'ringbuf', since: '5.8', ...unknown },
          { name: 'btf', since: '4.18', ...unknown },
          { name: 'kprobe_events', since: '4.1', state: 'unknown', reason: 'tracefs is not mounted' },
          { name: 'tcx', since: '6.6', state: 'absent' },
        ],
        hooks: [
          {
            purpose: 'accept',
            candidates: [
              { name: 'kprobe:f', ...unknown },
              { name: 'fentry:f', ...unknown },
              { name: 'listener', state: 'present', reason: 'needs nothing' },
            ],
            undecided: 'needs CAP_BPF',
          },
          { purpose: 'UDP', candidates: [], undecided: 'EMFILE: too many open files' },
        ],
      },
      noColour,
    );
    assert.ok(
      text.includes(`
Types
  ? not known: this process lacks CAP_BPF
`),
    );
    assert.ok(
      text.includes(`
Hooks
  ? needs CAP_BPF: run it as root
  accept: not known
    ? kprobe:f
    ? fentry:f
    ✓ listener  needs nothing
  UDP: not known: EMFILE: too many open files

Features
  ? needs CAP_BPF: run it as root
  ? ringbuf        since 5.8
  ? btf            since 4.18
  ? kprobe_events  since 4.1; tracefs is not mounted
  ✗ tcx            since 6.6
`),
    );
  });

  it('is the same in colours', () => {
    assert.equal(stripVTControlCharacters(formatReport(report, ansiColour)), formatReport(report, noColour));
  });
});

describe('failures', () => {
  it('are one line; with --debug, the stack and the log too', () => {
    const error = Object.assign(
      new Error('bpf(BPF_PROG_LOAD): EINVAL: program p was rejected\n  R1 invalid'),
      {
        code: 'EINVAL',
        log: '0: r1 = 0\nR1 invalid\x1b\n',
      },
    );
    const { exitCode, text } = describeFailure(error, 'weir trace', false);
    assert.equal(exitCode, 1);
    assert.equal(text, 'weir: bpf(BPF_PROG_LOAD): EINVAL: program p was rejected (--debug shows more)\n');
    const debug = describeFailure(error, 'weir trace', true).text;
    assert.match(debug, /^weir: [^\n]+rejected\nError: bpf/);
    assert.match(debug, /doctor\.test/);
    assert.ok(debug.endsWith('0: r1 = 0\nR1 invalid\\x1b\n'));
  });

  it('that go back to a refusal show its log with --debug', () => {
    const cause = Object.assign(new Error('refused'), { log: 'R1 invalid\n' });
    const error = new Error('the types do not hold', { cause: new Error('wrapped', { cause }) });
    assert.equal(describeFailure(error, 'weir trace', false).text, 'weir: the types do not hold\n');
    assert.ok(describeFailure(error, 'weir trace', true).text.endsWith('\nR1 invalid\n'));
  });

  it('that are a refusal by the kernel name weir doctor', () => {
    const textOf = (error: Error) => describeFailure(error, 'weir trace', false).text;
    assert.equal(
      textOf(new SyscallError('bpf(BPF_MAP_CREATE)', EPERM)),
      'weir: bpf(BPF_MAP_CREATE): EPERM; weir doctor shows what is missing\n',
    );
    assert.equal(
      textOf(new SyscallError('bpf(BPF_MAP_CREATE)', EPERM, 'needs CAP_BPF: see weir doctor')),
      'weir: bpf(BPF_MAP_CREATE): EPERM: needs CAP_BPF: see weir doctor\n',
    );
  });

  it('that are a refusal of a file do not name weir doctor, which shows none', () => {
    const error = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: 'EACCES' });
    assert.equal(
      describeFailure(error, 'weir serve', false).text,
      "weir: EACCES: permission denied, open '/x'\n",
    );
  });

  it('that are no errors, or say nothing, are one line too', () => {
    assert.deepEqual(describeFailure('odd', 'weir', false), { exitCode: 1, text: 'weir: odd\n' });
    assert.equal(describeFailure(new Error(), 'weir', false).text, 'weir: Error\n');
  });

  it('that the runtime throws are bugs in weir, which ask to be reported, and are no wrong command line', () => {
    for (const kind of [RangeError, TypeError, ReferenceError]) {
      const error = new kind('offset is out of bounds');
      const { exitCode, text } = describeFailure(error, 'weir trace', false);
      assert.equal(exitCode, 1);
      assert.equal(
        text,
        `weir: this is a bug in weir: ${kind.name}: offset is out of bounds; please report it with what --debug shows\n`,
      );
      const debug = describeFailure(error, 'weir trace', true).text;
      assert.match(debug, /^weir: this is a bug in weir: [^\n]+; please report it with what follows\n/);
      assert.match(debug, /doctor\.test/);
    }
  });
});
