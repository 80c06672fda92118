/** The features of the running kernel, by its own account. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelConfig } from '../src/features/config.js';
import type { FeatureName } from '../src/features/definitions.js';
import { FeatureTable, features, kernelAtLeast, kernelSymbols, MapType, ProgramType } from '../src/index.js';
import { createArena } from '../src/sys/arena.js';
import { syscall } from '../src/sys/syscalls.js';
import { Helper } from '../src/uapi/helper-functions.js';
import { assertRoot, openDescriptors } from './support/root.js';

assertRoot();

/** Features that a build option or a security policy may leave out of a kernel of any version. */
const optional: ReadonlySet<FeatureName> = new Set<FeatureName>([
  'kernel_btf',
  'kprobes',
  'kprobe_pmu',
  'kprobe_events',
  'uprobe_pmu',
  'tp_btf',
  'fentry',
  'fexit',
  'iterators',
  'lsm',
  'kprobe_multi',
  'uprobe_multi',
  'rdonly_cast',
]);

/** Lowers RLIMIT_NOFILE of this process; returns what puts it back. */
function limitDescriptors(limit: bigint): () => void {
  const resource = 7;
  const arena = createArena(32);
  syscall('prlimit64', 0, resource, 0, arena.address);
  const [soft, hard] = [arena.view.getBigUint64(0, true), arena.view.getBigUint64(8, true)];
  const set = (value: bigint) => {
    arena.view.setBigUint64(16, value, true);
    arena.view.setBigUint64(24, hard, true);
    syscall('prlimit64', 0, resource, arena.address + 16, 0);
  };
  set(limit);
  return () => set(soft);
}

describe('features of the running kernel', () => {
  it('has all that its version brought', () => {
    for (const name of features.names()) {
      const { since, description } = features.describe(name);
      if (optional.has(name) || !kernelAtLeast(since)) continue;
      assert.ok(features.has(name), `${name} (${description}), since ${since}`);
    }
    for (const name of optional) {
      const isLeftOut =
        features.probe(name).state === 'absent' && kernelAtLeast(features.describe(name).since);
      const reason = features.reasonOfAbsence(name);
      assert.equal(reason !== undefined, isLeftOut, `${name}: ${reason}`);
    }
  });

  it('has nothing that came later', () => {
    // Distributions that backport are no kernels of this lab.
    for (const name of features.names()) {
      const { since } = features.describe(name);
      if (!kernelAtLeast(since))
        assert.equal(features.probe(name).state, 'absent', `${name}, since ${since}`);
    }
  });

  it('leaves nothing unknown to root but what a policy denies', () => {
    for (const name of features.names()) {
      const answer = features.probe(name);
      if (answer.state !== 'unknown') continue;
      assert.match(answer.reason, /^(tracefs|securityfs) is not mounted$|policy forbids it$/, name);
      assert.ok(optional.has(name), name);
    }
  });

  it('asks again for what a passing failure kept unknown', () => {
    const type = MapType.percpuHash;
    const restore = limitDescriptors(0n);
    try {
      const answer = features.probeMapType(type);
      assert.ok(answer.state === 'unknown' && answer.transient);
      assert.match(answer.reason, /^EMFILE/);
      assert.equal(features.hasMapType(type), false);
    } finally {
      restore();
    }
    assert.equal(features.probeMapType(type).state, 'present');
  });

  it('agrees with the build options', () => {
    const config = kernelConfig();
    if (config === undefined) return;
    assert.equal(features.has('kprobes'), config.get('CONFIG_KPROBES') === 'y');
    assert.equal(features.has('kernel_btf'), config.get('CONFIG_DEBUG_INFO_BTF') === 'y');
  });

  it('leaves no descriptor behind', () => {
    const fresh = (): void => {
      for (const name of features.names()) features.describe(name).probe();
      for (const type of Object.values(ProgramType)) if (type !== 0) features.hasProgramType(type);
    };
    fresh();
    const before = openDescriptors();
    fresh();
    assert.deepEqual(openDescriptors(), before);
  });

  it('has helpers for the program types that may call them', () => {
    assert.ok(features.hasHelper(ProgramType.kprobe, Helper.ktimeGetNs));
    assert.ok(features.hasHelper(ProgramType.xdp, Helper.redirectMap));
    assert.ok(!features.hasHelper(ProgramType.kprobe, Helper.redirectMap));
    assert.ok(!features.hasHelper(ProgramType.kprobe, 9999));
  });

  it('reads the symbol table', () => {
    assert.ok(
      kernelSymbols().hasFunction('bpf_prog_get_type_path') || kernelSymbols().hasFunction('tcp_connect'),
    );
  });
});

describe('imitating other kernels', () => {
  it('turns single features off', () => {
    const table = features.without('btf', 'ringbuf');
    assert.equal(table.has('btf'), false);
    assert.equal(table.has('prog_name'), features.has('prog_name'));
    assert.equal(features.has('btf'), true, 'the original stays');
    assert.throws(
      () => table.require('ringbuf', 'use the perf buffer'),
      /BPF_MAP_TYPE_RINGBUF.*5\.8.*perf buffer/,
    );
  });

  it('goes back to a version', () => {
    const old = features.asOf('4.18');
    assert.ok(old.has('btf') && old.has('raw_tracepoint'));
    for (const name of ['btf_func', 'global_data', 'ringbuf', 'cgroup_link', 'tcx'] as const) {
      assert.equal(old.has(name), false, name);
    }
    assert.ok(!old.has('probe_read_kernel') && old.has('get_current_cgroup_id'));
  });

  it('can be given answers', () => {
    assert.ok(new FeatureTable([['kprobe_multi', true]]).has('kprobe_multi'));
  });
});
