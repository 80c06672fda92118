/** Loading while signals come faster than the verifier is done. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { hasFeatures } from './support/kernel.js';
import { assertRoot } from './support/root.js';

assertRoot();

const folder = mkdtempSync(join(tmpdir(), 'weir-profile-'));
after(() => rmSync(folder, { recursive: true }));

const module = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);

/** Counts to 300,000, which the verifier follows step by step. */
const instructions = `
  import { assemble, insn } from ${module('insn/assembler.js')};
  import { JmpOp } from ${module('insn/insn.js')};
  const instructions = assemble(
    insn.movImmediate(0, 300_000),
    insn.addImmediate(0, -1),
    insn.jumpIf(0, JmpOp.jne, 0, -2),
    insn.exit(),
  );`;

const load = `
  import { features } from ${module('index.js')};
  import { loadProgram } from ${module('load/load-program.js')};
  const none = { functions: [], mapReferences: [], externReferences: [], functionReferences: [] };
  const debug = { coreRelocations: [], funcInfo: [], lineInfo: [] };
  const program = { name: 'count', section: 'socket', type: 1, flags: 0, autoload: true, license: 'GPL', instructions };
  const options = { features, btfFd: undefined, logLevel: 0 };
  loadProgram({ ...program, ...none, ...debug }, instructions, options).fd[Symbol.dispose]();`;

const probe = `
  import { loads } from ${module('features/probe.js')};
  const { state, reason } = loads({ type: 1, code: instructions });
  if (state !== 'present') throw new Error(state + ' ' + reason);`;

/** Milliseconds that a program takes under a profiler that looks ten thousand times a second. */
function profiled(body: string): number {
  // Imports come first, wherever they stand.
  const script = `${instructions}
    const started = performance.now();
    ${body}
    console.log(performance.now() - started);`;
  const profiler = ['--cpu-prof', '--cpu-prof-interval=100', `--cpu-prof-dir=${folder}`];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...profiler, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  return Number(stdout);
}

describe('a program that takes long to verify, under a sampling profiler,', () => {
  it('is loaded', (t) => {
    if (!hasFeatures(t, 'bounded_loops')) return;
    assert.ok(profiled(load) > 1, 'it takes longer than the profiler waits');
  });

  it('is known to be accepted, where a feature is asked for', (t) => {
    if (!hasFeatures(t, 'bounded_loops')) return;
    assert.ok(profiled(probe) > 1, 'it takes longer than the profiler waits');
  });
});
