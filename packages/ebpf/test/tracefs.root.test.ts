/** tracefs on a host where it is not mounted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, it } from 'node:test';
import {
  attachTracepoint,
  Collection,
  features,
  kernelAtLeast,
  probeTracepoint,
  tracepointId,
} from '../src/index.js';
import { findTracefs } from '../src/link/tracefs.js';
import { parseObject } from '../src/object/parse-object.js';
import { Namespace, unshare } from '../src/sys/index.js';
import { testObject } from './support/objects.js';
import { assertRoot } from './support/root.js';

assertRoot();

const mounts = () => readFileSync('/proc/self/mounts', 'utf8');

before(() => {
  unshare(Namespace.mount);
  spawnSync('mount', ['--make-rprivate', '/']);
  for (let left = 16; left > 0; left--) {
    const folder = findTracefs(mounts());
    if (folder === undefined) return;
    // In debugfs it is mounted by itself whenever somebody looks, umount among them: so debugfs goes with all that is on it.
    const debugfs = /^(.*\/debug)\/tracing$/.exec(folder)?.[1];
    spawnSync('umount', ['-l', debugfs ?? folder]);
  }
});

it('is used where it is not mounted, and stays unseen', () => {
  assert.equal(findTracefs(mounts()), undefined);
  if (!kernelAtLeast('5.2')) {
    assert.throws(() => tracepointId('sched/sched_switch'), /mount -t tracefs/);
    return;
  }
  assert.equal(probeTracepoint('sched/sched_switch').state, 'present');
  assert.equal(probeTracepoint('sched/no_such').state, 'absent');
  assert.notEqual(features.probe('kprobe_events').state, 'unknown');
  using collection = Collection.load(parseObject(testObject('link/tracing')), { programs: ['on_classic'] });
  using link = attachTracepoint(collection.program('on_classic'), 'sched/sched_switch');
  assert.equal(link.kind, 'tracepoint');
  spawnSync('true');
  assert.ok(collection.globals.readInteger('classic') > 0n);
  assert.doesNotMatch(mounts(), /tracefs|debugfs/);
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /tracefs/);
});

it('is used where something else is mounted over it', () => {
  for (const type of ['tracefs', 'tmpfs']) {
    assert.equal(spawnSync('mount', ['-t', type, type, '/sys/kernel/tracing']).status, 0, type);
  }
  assert.equal(findTracefs(mounts()), '/sys/kernel/tracing');
  if (!kernelAtLeast('5.2')) {
    assert.throws(() => tracepointId('sched/sched_switch'), /mount -t tracefs/);
    return;
  }
  assert.equal(probeTracepoint('sched/sched_switch').state, 'present');
});
