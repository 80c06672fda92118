/** The reasons that errors give for refusals, on hosts of all kinds. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { unsupported } from '../src/features/since.js';
import { FeatureTable } from '../src/index.js';
import { explainPerfFailure } from '../src/link/perf-event.js';
import type { CapabilityName } from '../src/sys/capabilities.js';
import { denialOf } from '../src/sys/denial.js';
import { explainBpfFailure } from '../src/sys/explain.js';
import type { Situation } from '../src/sys/situation.js';
import { Command } from '../src/uapi/commands.js';

const { EACCES, EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM } = constants.errno;
const everything: readonly CapabilityName[] = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'];

function host(more: Partial<Situation> = {}, held: readonly CapabilityName[] = everything): Situation {
  return {
    effective: () => new Set(held),
    hasCapBpf: () => true,
    userNamespace: () => false,
    unprivilegedBpfDisabled: () => undefined,
    lockdown: () => 'none',
    seccomp: () => false,
    memlock: () => undefined,
    ...more,
  };
}

const load = (errno: number, here: Situation) =>
  explainBpfFailure(Command.progLoad, errno, ['CAP_BPF', 'CAP_NET_ADMIN'], here);

describe('the reason of a refused bpf(2)', () => {
  it('is each missing capability by its name, by the capabilities that the kernel knows', () => {
    assert.match(load(EPERM, host({}, []))!, /^needs CAP_BPF and CAP_NET_ADMIN: run it as root/);
    assert.match(load(EPERM, host({}, ['CAP_BPF']))!, /^needs CAP_NET_ADMIN: /);
    // Distributions have brought CAP_BPF to kernels that are older than it.
    assert.match(load(EPERM, host({ hasCapBpf: () => false }, ['CAP_NET_ADMIN']))!, /^needs CAP_SYS_ADMIN: /);
  });

  it('is the sysctl, the user namespace, the lockdown, the limit or the filter, whichever is there', () => {
    const sysctl = { unprivilegedBpfDisabled: () => '2' };
    assert.match(load(EPERM, host(sysctl, []))!, /kernel\.unprivileged_bpf_disabled is 2/);
    assert.match(load(EPERM, host({ userNamespace: () => true }))!, /^capabilities of a user namespace/);
    assert.match(load(EPERM, host({ lockdown: () => 'confidentiality' }))!, /^the kernel is locked down/);
    assert.match(load(EPERM, host({ memlock: () => 65_536n }))!, /^RLIMIT_MEMLOCK is 65536 bytes: raise it/);
    assert.match(
      load(EPERM, host({ seccomp: () => true }))!,
      /^a seccomp filter may forbid it: run it outside/,
    );
    assert.match(load(EPERM, host())!, /^a security module or another policy/);
    // Without procfs.
    assert.match(
      load(EPERM, host({ userNamespace: () => undefined }))!,
      /^a user namespace, a security module or another policy forbids it: mount procfs/,
    );
  });

  it('is no limit on memory for what is not counted against it', () => {
    const here = host({ memlock: () => 65_536n });
    assert.match(explainBpfFailure(Command.linkCreate, EPERM, ['CAP_BPF'], here)!, /^a security module/);
    assert.match(load(ENOMEM, here)!, /RLIMIT_MEMLOCK/);
    assert.equal(load(ENOMEM, host()), undefined);
  });

  it('is the limit on open files of the process, or of the host', () => {
    assert.match(load(EMFILE, host({}, []))!, /RLIMIT_NOFILE.*ulimit -n/);
    assert.match(load(ENFILE, host({}, []))!, /fs\.file-max/);
  });

  it('is no policy where a map is frozen', () =>
    assert.equal(explainBpfFailure(Command.mapUpdateElem, EPERM, ['CAP_BPF'], host()), undefined));

  it('is the filter or the option, for a call that is not there', () => {
    assert.match(load(ENOSYS, host({ seccomp: () => true }))!, /^a seccomp filter blocks bpf\(2\)/);
    assert.match(load(ENOSYS, host())!, /CONFIG_BPF_SYSCALL/);
  });

  it('is said of the call as a whole', () => {
    const reason = (errno: number, more: Partial<Situation> = {}) => denialOf(errno, host(more)).reason;
    assert.equal(
      reason(EPERM, { seccomp: () => true }),
      'bpf(2) fails with EPERM: a seccomp filter may forbid it',
    );
    assert.equal(
      reason(ENOSYS),
      'bpf(2) fails with ENOSYS: this kernel was built without CONFIG_BPF_SYSCALL',
    );
    assert.equal(reason(EMFILE), 'bpf(2) fails with EMFILE');
  });
});

describe('the reason of a refused perf_event_open(2)', () => {
  it('is the capability, the filter or the option', () => {
    assert.match(explainPerfFailure(EACCES, host({}, []))!, /^needs CAP_PERFMON: .*perf_event_paranoid is /);
    assert.match(
      explainPerfFailure(EPERM, host({ seccomp: () => true }))!,
      /^a seccomp filter may forbid it/,
    );
    assert.match(explainPerfFailure(ENOSYS, host({ seccomp: () => true }))!, /^a seccomp filter blocks/);
    assert.match(explainPerfFailure(ENOSYS, host())!, /CONFIG_PERF_EVENTS/);
    assert.match(explainPerfFailure(EPERM, host({ memlock: () => 1n }))!, /^a security module/);
    assert.equal(explainPerfFailure(EMFILE, host()), undefined);
  });
});

describe('a feature that a kernel lacks', () => {
  const linux = (major: number, minor: number) => ({
    major,
    minor,
    patch: 0,
    code: (major << 16) | (minor << 8),
  });

  it('is put down to the version of an older kernel only', () => {
    const { message, since } = unsupported('F', '5.4', 'G needs it', linux(4, 18));
    assert.equal(message, 'this kernel has no F (Linux 5.4 and later have it): G needs it');
    assert.equal(since, '5.4');
    const built = unsupported('F', '5.4', 'G needs it', linux(5, 4));
    assert.equal(
      built.message,
      'this kernel has no F: Linux 5.4 brought it, so this kernel was built or started without it; G needs it',
    );
    assert.equal(built.since, undefined);
  });

  it('is put down to the version where a table imitates an older kernel', () => {
    assert.throws(
      () => new FeatureTable([['ringbuf', false]]).require('ringbuf'),
      /\(Linux 5\.8 and later have it\)$/,
    );
  });
});
