/** The conclusions of probes from an errno, for processes with and without the privileges to ask. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { judge, mapNeeds, networkNeeds, programNeeds } from '../src/features/judge.js';
import { judgeFile, judgeTracefs } from '../src/features/kernel-files.js';
import { judgeHelper, judgeLink } from '../src/features/probe.js';
import { absent, allOf, anyOf, type ProbeResult, present, unknown } from '../src/features/state.js';
import { FeatureTable, UnknownFeatureError, UnsupportedError } from '../src/index.js';
import type { CapabilityName } from '../src/sys/capabilities.js';
import type { Situation } from '../src/sys/situation.js';

const { E2BIG, EACCES, EAGAIN, EBADF, EBUSY, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM } =
  constants.errno;
const { ENOSPC, ENOSYS, EOPNOTSUPP, EPERM } = constants.errno;
const ENOTSUPP = 524;

const everything: readonly CapabilityName[] = [
  ...['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_DAC_READ_SEARCH'],
] as CapabilityName[];

/** A process on a kernel with CAP_BPF, that has these capabilities. */
function withCapabilities(held: readonly CapabilityName[], more: Partial<Situation> = {}): Situation {
  return {
    effective: () => new Set(held),
    hasCapBpf: () => true,
    userNamespace: () => false,
    unprivilegedBpfDisabled: () => '0',
    lockdown: () => 'none',
    seccomp: () => false,
    memlock: () => undefined,
    ...more,
  };
}

const root = withCapabilities(everything);
const nobody = withCapabilities([]);
const without = (...names: readonly CapabilityName[]) =>
  withCapabilities(everything.filter((name) => !names.includes(name)));

function reason(result: ProbeResult): string {
  assert.equal(result.state, 'unknown');
  return result.state === 'unknown' ? result.reason : '';
}

describe('the state that an errno of bpf(2) stands for', () => {
  it('is absent for a process that may ask', () => {
    for (const errno of [E2BIG, EINVAL, ENODEV, ENOENT, ENOSYS, EOPNOTSUPP, ENOTSUPP]) {
      for (const needs of [mapNeeds, programNeeds, networkNeeds])
        assert.equal(judge(errno, needs, root).state, 'absent', `errno ${errno}`);
    }
  });

  it('is never absent for EPERM and EACCES', () => {
    for (const errno of [EPERM, EACCES]) {
      for (const here of [root, nobody]) {
        for (const needs of [[], mapNeeds, programNeeds, networkNeeds])
          assert.equal(judge(errno, needs, here).state, 'unknown', `errno ${errno}`);
      }
    }
  });

  it('is unknown for a passing failure, which is to be tried again', () => {
    for (const errno of [EAGAIN, EBUSY, EINTR, EMFILE, ENFILE, ENOMEM, ENOSPC]) {
      const result = judge(errno, programNeeds, root);
      assert.ok(result.state === 'unknown' && result.transient, `errno ${errno}`);
    }
    assert.match(reason(judge(EMFILE, [], root)), /^EMFILE: too many open files$/);
  });

  it('is unknown for any errno without the capabilities, which are named', () => {
    for (const errno of [EPERM, EACCES, EINVAL, E2BIG, ENOSYS]) {
      assert.equal(
        reason(judge(errno, networkNeeds, nobody)),
        'needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
      );
      assert.equal(reason(judge(errno, programNeeds, withCapabilities(['CAP_PERFMON']))), 'needs CAP_BPF');
      assert.equal(reason(judge(errno, programNeeds, withCapabilities(['CAP_BPF']))), 'needs CAP_PERFMON');
      assert.equal(reason(judge(errno, networkNeeds, without('CAP_NET_ADMIN'))), 'needs CAP_NET_ADMIN');
    }
    const result = judge(EPERM, programNeeds, nobody);
    assert.ok(result.state === 'unknown' && !result.transient);
    assert.deepEqual(result.missing, ['CAP_BPF', 'CAP_PERFMON']);
    assert.match(result.advice ?? '', /root.*capabilities/);
  });

  it('takes CAP_SYS_ADMIN for CAP_BPF and CAP_PERFMON', () => {
    assert.equal(judge(EINVAL, programNeeds, withCapabilities(['CAP_SYS_ADMIN'])).state, 'absent');
    const old = withCapabilities([], { hasCapBpf: () => false });
    assert.equal(reason(judge(EPERM, programNeeds, old)), 'needs CAP_SYS_ADMIN');
  });

  it('names kernel.unprivileged_bpf_disabled where it is on', () => {
    const here = withCapabilities([], { unprivilegedBpfDisabled: () => '2' });
    const result = judge(EPERM, mapNeeds, here);
    assert.equal(reason(result), 'needs CAP_BPF');
    assert.match((result.state === 'unknown' && result.advice) || '', /unprivileged_bpf_disabled is 2/);
  });

  it('names what else is in the way of a process with all capabilities', () => {
    const eperm = (more: Partial<Situation>) =>
      reason(judge(EPERM, mapNeeds, withCapabilities(everything, more)));
    assert.match(eperm({ userNamespace: () => true }), /user namespace/);
    assert.match(eperm({ lockdown: () => 'confidentiality' }), /locked down \(confidentiality\)/);
    assert.match(eperm({ memlock: () => 65536n }), /RLIMIT_MEMLOCK is 65536 bytes/);
    assert.match(eperm({ seccomp: () => true }), /EPERM: a seccomp filter/);
    assert.match(eperm({}), /EPERM: a security module/);
  });

  it('is unknown for ENOSYS behind a seccomp filter, and for any errno in a user namespace', () => {
    const filtered = withCapabilities(everything, { seccomp: () => true });
    assert.match(reason(judge(ENOSYS, mapNeeds, filtered)), /seccomp/);
    assert.equal(judge(EINVAL, mapNeeds, filtered).state, 'absent');
    const inside = withCapabilities(everything, { userNamespace: () => true });
    assert.match(reason(judge(EINVAL, mapNeeds, inside)), /user namespace/);
  });
});

describe('the state of a helper', () => {
  const probeReadKernel = 113;
  const call = (log: string, here: Situation, errno: number = EINVAL, helper = 5) =>
    judgeHelper({ errno, log, helper, needs: programNeeds }, here);

  it('is in the words of the verifier', () => {
    assert.equal(call('0: (85) call unknown#999\ninvalid func unknown#999\n', root).state, 'absent');
    assert.equal(call('0: (85) call f#5\nunknown func f#5\n', root).state, 'absent');
    assert.equal(
      call('0: (85) call f#5\nprogram of this type cannot use helper f#5\n', root).state,
      'absent',
    );
    assert.equal(call('0: (85) call f#5\nR1 type=ctx expected=fp\n', root, EACCES).state, 'present');
    assert.equal(call('', root).state, 'absent', 'a type that the kernel does not know');
  });

  it('is unknown where the verifier hides helpers from a process without privileges', () => {
    assert.match(reason(call('0: (85) call f#5\nunknown func f#5\n', nobody)), /CAP_BPF and CAP_PERFMON/);
    assert.match(reason(call('', nobody, EPERM)), /CAP_BPF and CAP_PERFMON/);
  });

  it('is unknown where a lockdown hides helpers that read kernel memory', () => {
    const log = '0: (85) call f#113\nprogram of this type cannot use helper f#113\n';
    const locked = withCapabilities(everything, { lockdown: () => 'confidentiality' });
    assert.match(reason(call(log, locked, EINVAL, probeReadKernel)), /locked down/);
    assert.equal(call(log, root, EINVAL, probeReadKernel).state, 'absent');
    assert.equal(call('call\nunknown func f#5\n', locked).state, 'absent');
  });
});

describe('the state of a kind of link', () => {
  it('is present where the kernel complains about the target', () => {
    for (const errno of [EBADF, ENODEV, ENOENT])
      assert.equal(judgeLink(errno, networkNeeds, root).state, 'present', `errno ${errno}`);
  });

  it('is absent where it complains about the argument', () => {
    for (const errno of [E2BIG, EINVAL, EOPNOTSUPP, ENOTSUPP])
      assert.equal(judgeLink(errno, networkNeeds, root).state, 'absent', `errno ${errno}`);
  });

  it('is unknown where it complains about privileges, or about nothing', () => {
    assert.equal(reason(judgeLink(EPERM, networkNeeds, without('CAP_NET_ADMIN'))), 'needs CAP_NET_ADMIN');
    assert.match(reason(judgeLink(EACCES, networkNeeds, root)), /security module/);
    assert.match(reason(judgeLink(EMFILE, networkNeeds, root)), /EMFILE/);
  });
});

describe('the state that a file stands for', () => {
  it('is whether it exists', () => {
    assert.equal(judgeFile(0, '/f', undefined, nobody).state, 'present');
    assert.equal(judgeFile(ENOENT, '/f', undefined, nobody).state, 'absent');
  });

  it('is unknown where its file system is not mounted', () => {
    assert.equal(reason(judgeFile(ENOENT, '/f', 'sysfs is not mounted', root)), 'sysfs is not mounted');
  });

  it('is unknown where this process may not look', () => {
    for (const errno of [EACCES, EPERM]) {
      assert.equal(
        reason(judgeFile(errno, '/f', undefined, nobody)),
        '/f is not readable: needs CAP_DAC_READ_SEARCH',
      );
      assert.match(reason(judgeFile(errno, '/f', undefined, root)), /\/f is not readable: a security module/);
    }
  });

  it('is unknown after a failure of another kind', () => {
    assert.match(reason(judgeFile(EMFILE, '/f', undefined, root)), /EMFILE/);
    assert.match(reason(judgeFile(EIO, '/f', undefined, root)), /cannot be read/);
  });

  it('is unknown in the tracefs of a kernel that is locked down, which leaves it empty', () => {
    const locked = withCapabilities(everything, { lockdown: () => 'confidentiality' });
    assert.match(reason(judgeTracefs(ENOENT, '/sys/kernel/tracing', locked)), /locked down/);
    assert.equal(judgeTracefs(ENOENT, '/sys/kernel/tracing', root).state, 'absent');
  });
});

describe('states put together', () => {
  const hidden = unknown('hidden');

  it('all parts are needed', () => {
    assert.equal(
      allOf(
        () => present,
        () => present,
      ).state,
      'present',
    );
    assert.equal(
      allOf(
        () => present,
        () => hidden,
      ).state,
      'unknown',
    );
    assert.equal(
      allOf(
        () => absent,
        () => assert.fail('asked for nothing'),
      ).state,
      'absent',
    );
  });

  it('any way will do, and none is absent while one is unknown', () => {
    assert.equal(
      anyOf(
        () => hidden,
        () => present,
      ).state,
      'present',
    );
    assert.equal(
      anyOf(
        () => hidden,
        () => absent,
      ).state,
      'unknown',
    );
    assert.equal(
      anyOf(
        () => absent,
        () => absent,
      ).state,
      'absent',
    );
  });
});

describe('a table of features', () => {
  const table = new FeatureTable([
    ['ringbuf', unknown('needs CAP_BPF', { advice: 'run it as root' })],
    ['tcx', false],
    ['btf', true],
  ]);

  it('has only what is known to be there', () => {
    assert.deepEqual([table.has('ringbuf'), table.has('tcx'), table.has('btf')], [false, false, true]);
  });

  it('does not call a kernel poor of which nothing is known', () => {
    assert.equal(table.decide('btf'), true);
    assert.equal(table.decide('tcx'), false);
    assert.throws(() => table.require('tcx'), UnsupportedError);
    for (const ask of [() => table.decide('ringbuf'), () => table.require('ringbuf')]) {
      assert.throws(ask, (error) => {
        assert.ok(error instanceof UnknownFeatureError && !(error instanceof UnsupportedError));
        assert.match(
          error.message,
          /BPF_MAP_TYPE_RINGBUF cannot be found out: needs CAP_BPF; run it as root$/,
        );
        return true;
      });
    }
  });
});
