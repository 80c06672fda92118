/** What lies in a module on some kernels and is built in on others: types, functions, and functions for programs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { UnsupportedError } from '../src/errors.js';
import { attachTracing, Collection, features, kernelSymbols } from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import { Namespace, unshare } from '../src/sys/index.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertRoot, openDescriptors } from './support/root.js';

assertRoot();

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`);
}

before(() => {
  unshare(Namespace.net);
  ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
});

function load(program: string): Collection {
  return Collection.load(parseObject(testObject('load/modules')), { programs: [program] });
}

/** Whether the kernel shows the types of what has this symbol, itself or its module. */
function showsTypes(symbol: string): boolean {
  const module = kernelSymbols().get(symbol)?.module;
  return features.has('kernel_btf') && (module === undefined || existsSync(`/sys/kernel/btf/${module}`));
}

describe('types of a module', () => {
  it('answer CO-RE relocations that the kernel’s own do not', (t) => {
    if (!hasFeatures(t, 'kernel_btf')) return;
    using collection = load('types');
    collection.program('types').testRun({ data: new Uint8Array(64) });
    const { globals } = collection;
    const has = showsTypes('veth_open');
    assert.equal(globals.readInteger('has_veth'), has ? 1n : 0n);
    assert.equal(globals.readInteger('peer_size'), has ? 8n : 0n);
    assert.equal(globals.readInteger('has_nowhere'), 0n);
  });

  it('leave no descriptor open', (t) => {
    if (!hasFeatures(t, 'kernel_btf')) return;
    load('types')[Symbol.dispose]();
    const descriptors = openDescriptors();
    load('types')[Symbol.dispose]();
    assert.deepEqual(openDescriptors(), descriptors);
  });
});

describe('a function of a module', () => {
  it('is traced by fentry', (t) => {
    if (!hasFeatures(t, 'fentry')) return;
    if (!showsTypes('veth_open')) {
      assert.throws(
        () => load('on_open'),
        (error) =>
          error instanceof UnsupportedError && error.since === '5.11' && /module veth/.test(error.message),
      );
      return;
    }
    const descriptors = openDescriptors();
    {
      using collection = load('on_open');
      using _link = attachTracing(collection.program('on_open'));
      ip('link', 'set', 'near', 'up');
      ip('link', 'set', 'far', 'up');
      assert.equal(collection.globals.readInteger('opened'), 2n);
    }
    assert.deepEqual(openDescriptors(), descriptors);
  });

  it('is found in the module that the section names, and in no other', (t) => {
    if (!hasFeatures(t, 'fentry')) return;
    const spec = parseObject(testObject('load/modules'));
    const program = spec.programs.get('on_open')!;
    const module = kernelSymbols().get('veth_open')?.module;
    if (module !== undefined && showsTypes('veth_open')) {
      program.attachTo = `${module}:veth_open`;
      Collection.load(spec, { programs: ['on_open'] })[Symbol.dispose]();
    }
    program.attachTo = 'weir_no_module:veth_open';
    assert.throws(() => Collection.load(spec, { programs: ['on_open'] }), /no module weir_no_module/);
    program.attachTo = 'veth_no_such_function';
    assert.throws(
      () => Collection.load(spec, { programs: ['on_open'] }),
      /the kernel's BTF has no veth_no_such_function to attach to, nor has that of a loaded module/,
    );
  });

  it('is called by programs', (t) => {
    if (!requireKernel(t, 'functions of connection tracking for programs', '6.0')) return;
    if (!hasFeatures(t, 'kernel_btf')) return;
    if (!kernelSymbols().hasFunction('bpf_skb_ct_lookup')) {
      assert.throws(() => load('track'), /bpf_skb_ct_lookup/);
      return;
    }
    const descriptors = openDescriptors();
    {
      using collection = load('track');
      collection.program('track').testRun({ data: new Uint8Array(64) });
      assert.equal(collection.globals.readInteger('found'), 2n, 'there is no such connection');
    }
    assert.deepEqual(openDescriptors(), descriptors);
  });
});
