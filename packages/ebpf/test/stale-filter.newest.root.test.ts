/** Filters that a killed process leaves in traffic control, where there are no links. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attachTc, Collection, features, parseObject } from '../src/index.js';
import { Namespace, unshare } from '../src/sys/index.js';
import { testObject } from './support/objects.js';
import { assertRoot } from './support/root.js';

assertRoot();

const options = { direction: 'egress', features: features.without('tcx') } as const;

function attach() {
  const collection = Collection.load(parseObject(testObject('link/network')), { programs: ['on_egress'] });
  return attachTc(collection.program('on_egress'), 'lo', options);
}

/** As itself, this file is the process that is killed. */
if (process.env.WEIR_TEST_KILLED !== undefined) {
  attach();
  process.kill(process.pid, 'SIGKILL');
}

function tc(...args: string[]): string {
  return spawnSync('tc', args, { encoding: 'utf8' }).stdout;
}

function filters(): number {
  return (tc('filter', 'show', 'dev', 'lo', 'egress').match(/on_egress@/g) ?? []).length;
}

before(() => unshare(Namespace.net));

it('filters of processes that are gone make way for the next', () => {
  const env: NodeJS.ProcessEnv = { ...process.env, WEIR_TEST_KILLED: '1' };
  delete env.NODE_TEST_CONTEXT;
  const { signal } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], { env });
  assert.equal(signal, 'SIGKILL');
  assert.equal(filters(), 1, 'it stays');
  const link = attach();
  using second = attach();
  assert.equal(filters(), 2, 'those of the living are left alone');
  second[Symbol.dispose]();
  link[Symbol.dispose]();
  assert.doesNotMatch(tc('qdisc', 'show', 'dev', 'lo'), /clsact/, 'what the dead brought goes, too');
});
