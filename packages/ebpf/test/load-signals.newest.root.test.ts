/** Loading while signals come faster than the verifier is done. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { hasFeatures } from './support/kernel.js';
import { assertRoot } from './support/root.js';

assertRoot();

const folder = mkdtempSync(join(tmpdir(), 'weir-profile-'));
after(() => rmSync(folder, { recursive: true }));

const module = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);

/** Counts to 300,000, which the verifier follows step by step. */
const script = `
  import { assemble, insn } from ${module('insn/assembler.js')};
  import { JmpOp } from ${module('insn/insn.js')};
  import { features } from ${module('index.js')};
  import { loadProgram } from ${module('load/load-program.js')};
  const instructions = assemble(
    insn.movImmediate(0, 300_000),
    insn.addImmediate(0, -1),
    insn.jumpIf(0, JmpOp.jne, 0, -2),
    insn.exit(),
  );
  const none = { functions: [], mapReferences: [], externReferences: [], functionReferences: [] };
  const debug = { coreRelocations: [], funcInfo: [], lineInfo: [] };
  const program = { name: 'count', section: 'socket', type: 1, flags: 0, autoload: true, license: 'GPL', instructions };
  const options = { features, btfFd: undefined, logLevel: 0 };
  const started = performance.now();
  loadProgram({ ...program, ...none, ...debug }, instructions, options).fd[Symbol.dispose]();
  console.log(performance.now() - started);`;

it('a program that takes long to verify is loaded under a sampling profiler', (t) => {
  if (!hasFeatures(t, 'bounded_loops')) return;
  const profiler = ['--cpu-prof', '--cpu-prof-interval=100', `--cpu-prof-dir=${folder}`];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...profiler, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  assert.ok(Number(stdout) > 1, 'it takes longer than the profiler waits');
});
