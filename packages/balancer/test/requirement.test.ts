import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FeatureName, FeatureTable, features, type ProbeResult, VerifierError } from '@weir/ebpf';
import type { CapabilityName, Situation } from '@weir/ebpf/sys';
import { type BalancerHost, balancerSupport } from '../src/index.js';
import { requireBpffs } from '../src/lifecycle/pin-folder.js';
import { balancerFeatures, loadOnOlder, requireFeatures } from '../src/requirement/requirement.js';

const linux = (major: number, minor: number, patch = 0) => ({
  major,
  minor,
  patch,
  code: (major << 16) | (minor << 8) | patch,
});

const all: readonly CapabilityName[] = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'];

function situationOf(held: readonly CapabilityName[], more: Partial<Situation> = {}): Situation {
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

/** A host with all features but those that are given otherwise. */
function host(
  version: BalancerHost['version'],
  otherwise: Partial<Record<FeatureName, boolean | ProbeResult>> = {},
  more: Partial<BalancerHost> = {},
): BalancerHost {
  const answers = features.names().map((name) => [name, otherwise[name] ?? true] as const);
  return {
    features: new FeatureTable(answers),
    situation: situationOf(all),
    version,
    denial: () => undefined,
    requirePlaceForPins: () => undefined,
    ...more,
  };
}

/** The features of a mainline version. */
function asOf(version: string): BalancerHost['features'] {
  return host(linux(7, 0)).features.asOf(version);
}

const neverLoad = () => assert.fail('nothing is to be loaded');
const needs = (tried: BalancerHost) => requireFeatures(balancerFeatures, tried);

describe('the kernel that the balancer needs', () => {
  it('is refused for what it lacks, with the version that has it, and for nothing that it has', () => {
    const old = host(linux(5, 4, 49), {}, { features: asOf('5.4') });
    assert.throws(() => needs(old), {
      name: 'UnsupportedError',
      message:
        'this kernel has no support for all that the balancer needs (Linux 5.10 and later have it): this is Linux 5.4.49, ' +
        'which lacks constants of frozen maps known to the verifier (Linux 5.5), BPF_F_MMAPABLE arrays (Linux 5.5), ' +
        'bpf_jiffies64 (Linux 5.6), bpf_link for XDP (Linux 5.9)',
    });
    assert.throws(() => needs(host(linux(4, 18), {}, { features: asOf('4.18') })), /5\.10.*global data/);
  });

  it('may be a 4.18 with backports, if its verifier follows the programs', () => {
    let loads = 0;
    const backported = host(linux(4, 18));
    assert.deepEqual(
      balancerSupport(backported, () => void loads++),
      { since: '5.10', ok: true },
    );
    assert.equal(loads, 1);
    const refuse = () => {
      throw new VerifierError('balance', 22, 'R1 is not what it should be\n');
    };
    const { ok, reason } = balancerSupport(backported, () => loadOnOlder(refuse, linux(4, 18)));
    assert.equal(ok, false);
    assert.match(
      reason!,
      /\(Linux 5\.10 and later have it\): this is Linux 4\.18\.0, whose verifier does not/,
    );
    assert.throws(() => loadOnOlder(refuse, linux(5, 10)), VerifierError);
  });

  it('is any from 5.10 on, without a trial', () => {
    for (const version of [linux(5, 10), linux(5, 15, 3), linux(6, 1), linux(7, 0)])
      assert.deepEqual(balancerSupport(host(version), neverLoad), { since: '5.10', ok: true });
  });

  it('is refused for an option that a new one lacks, not for its version', () => {
    const { reason } = balancerSupport(host(linux(6, 1), { xdp_link: false }), neverLoad);
    assert.match(reason!, /this is Linux 6\.1\.0, which lacks bpf_link for XDP \(Linux 5\.9\)$/);
    assert.doesNotMatch(reason!, /later have it/);
  });

  it('does not do where there is no BPF file system to pin to', () => {
    const requirePlaceForPins = () => requireBpffs('/proc/nowhere/weir');
    const { ok, reason } = balancerSupport(host(linux(6, 1), {}, { requirePlaceForPins }), neverLoad);
    assert.equal(ok, false);
    assert.match(
      reason!,
      /^\/proc\/nowhere\/weir is on no BPF file system, .* "mount -t bpf bpf \/sys\/fs\/bpf"$/,
    );
  });

  it('is unknown where that cannot be found out', () => {
    const answer = {
      state: 'unknown',
      reason: 'EMFILE: too many open files',
      missing: [],
      transient: true,
    } as const;
    const support = balancerSupport(host(linux(6, 1), { global_data: answer }), neverLoad);
    assert.equal(support.unknown, true);
    assert.match(support.reason!, /EMFILE: too many open files/);
  });
});

describe('the privileges that the balancer needs', () => {
  const refusal = (held: readonly CapabilityName[], more: Partial<Situation> = {}) =>
    balancerSupport(host(linux(6, 1), {}, { situation: situationOf(held, more) }), neverLoad).reason;

  it('are named where they are lacking', () => {
    assert.match(refusal([])!, /^this process lacks CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: run it as root/);
    assert.match(refusal(['CAP_BPF', 'CAP_NET_ADMIN'])!, /^this process lacks CAP_PERFMON: /);
    assert.match(refusal(['CAP_BPF', 'CAP_PERFMON'])!, /^this process lacks CAP_NET_ADMIN: /);
    assert.match(
      refusal([], { hasCapBpf: () => false })!,
      /^this process lacks CAP_SYS_ADMIN and CAP_NET_ADMIN: /,
    );
    assert.equal(refusal(['CAP_SYS_ADMIN']), undefined);
  });

  it('do not count in a user namespace', () => {
    assert.match(
      refusal(all, { userNamespace: () => true })!,
      /^capabilities of a user namespace do not count: /,
    );
  });

  it('are of no use where bpf(2) is denied, for a reason of its own', () => {
    const reason = 'bpf(2) fails with EPERM: a seccomp filter may forbid it';
    const denied = host(linux(5, 4), {}, { denial: () => ({ reason, missing: [] }), features: asOf('5.4') });
    assert.equal(balancerSupport(denied, neverLoad).reason, reason);
  });

  it('do not depend on a lockdown, since nothing reads kernel memory', () => {
    assert.equal(refusal(all, { lockdown: () => 'confidentiality' }), undefined);
  });
});
