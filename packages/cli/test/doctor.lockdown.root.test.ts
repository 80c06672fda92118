/** On a kernel that is locked down for confidentiality, programs may not read kernel memory. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { onlyLine, runWeir } from './support/command.js';
import { assertNothingLeft, existingObjects } from './support/kernel-objects.js';

it('the kernel is locked down', () => {
  assert.match(readFileSync('/sys/kernel/security/lockdown', 'latin1'), /\[confidentiality\]/);
});

it('weir trace says so in one line', async () => {
  const before = existingObjects();
  const { status, stdout, stderr } = await runWeir(['trace', '--duration', '1s']);
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(onlyLine(stderr), /^the kernel is locked down \(confidentiality\)/);
  await assertNothingLeft(before);
});

it('weir doctor says so, and what to do', async () => {
  const { status, stdout } = await runWeir(['doctor']);
  assert.equal(status, 1);
  const problems = stdout.slice(stdout.indexOf('\nProblems\n'));
  assert.match(problems, /locked down \(confidentiality\)/);
  assert.match(problems, /boot with lockdown=integrity/);
  assert.match(problems, /weir trace does not work here\.\n$/);
});
