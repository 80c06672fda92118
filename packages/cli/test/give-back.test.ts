/** Which memory of Node.js is given back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { cleanMappings, hasBudget, USUAL_BUDGET, WarmUp } from '../src/trace/give-back.js';

const mapping = (range: string, mode: string, file: string, dirty: number) =>
  `${range} ${mode} 00000000 08:01 1234                       ${file}\nRss: 8 kB\nShared_Dirty:          0 kB\nPrivate_Dirty:         ${dirty} kB\nVmFlags: rd ex mr mw me\n`;

it('mappings of the program that nothing was written to are given back, and no others', () => {
  const smaps =
    mapping('00400000-00b72000', 'r--p', '/usr/bin/node', 0) +
    mapping('00b72000-02600000', 'r-xp', '/usr/bin/node', 0) +
    mapping('02600000-02601000', 'r-xp', '/usr/bin/node', 4) +
    mapping('05600000-05601000', 'r--p', '/usr/bin/node', 4) +
    mapping('05601000-05701000', 'rw-p', '/usr/bin/node', 0) +
    mapping('7fcc80000000-7fcc80021000', 'r-xp', '/usr/lib/libc.so.6', 0) +
    mapping('7fcc90000000-7fcc90021000', 'r--p', '', 0);
  assert.deepEqual(cleanMappings(smaps, '/usr/bin/node'), [
    { start: 0x400000, length: 0x772000 },
    { start: 0xb72000, length: 0x1a8e000 },
  ]);
  assert.deepEqual(cleanMappings('', '/usr/bin/node'), []);
});

it('code is given back once more after the events by which it is optimized, and only then', () => {
  let times = 0;
  const warmUp = new WarmUp(() => times++);
  warmUp.count(30_000);
  assert.equal(times, 0);
  warmUp.count(30_000);
  assert.equal(times, 1);
  for (let batch = 0; batch < 10; batch++) warmUp.count(30_000);
  assert.equal(times, 1);
});

it('after the start, V8 optimizes when it does by default', () => {
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  const [, usual] =
    /^ +--interrupt-budget .*\n.*default: (?:--interrupt-budget=)?(\d+)$/m.exec(options) ?? [];
  assert.equal(usual, hasBudget ? String(USUAL_BUDGET) : undefined);
});

it('V8 has the other flags that are set', () => {
  const flags = ['--semi-space-growth-factor=1', '--max-inlined-bytecode-size-cumulative=200'];
  assert.match(execFileSync(process.execPath, [...flags, '--version'], { encoding: 'utf8' }), /^v\d/);
});
