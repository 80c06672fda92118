/** What the running kernel offers, by its own account. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelConfig } from '../src/features/config.js';
import { FeatureTable, features, kernelAtLeast, kernelSymbols, ProgramType } from '../src/index.js';
import { assertRoot, openDescriptors } from './support/root.js';

assertRoot();

/** Features that a build option or a security policy may leave out of a kernel of any version. */
const optional: ReadonlySet<string> = new Set([
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
]);

describe('features of the running kernel', () => {
  it('has all that its version brought', () => {
    for (const name of features.names()) {
      const { since, description } = features.describe(name);
      if (optional.has(name) || !kernelAtLeast(since)) continue;
      assert.ok(features.has(name), `${name} (${description}), since ${since}`);
    }
  });

  it('has nothing that came later', () => {
    // Distributions that backport are no kernels of this lab.
    for (const name of features.names()) {
      const { since } = features.describe(name);
      if (!kernelAtLeast(since)) assert.ok(!features.has(name), `${name}, since ${since}`);
    }
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

  it('tells helpers by program type', () => {
    const [ktimeGetNs, redirectMap] = [5, 51];
    assert.ok(features.hasHelper(ProgramType.kprobe, ktimeGetNs));
    assert.ok(features.hasHelper(ProgramType.xdp, redirectMap));
    assert.ok(!features.hasHelper(ProgramType.kprobe, redirectMap));
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
