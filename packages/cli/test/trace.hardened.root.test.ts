/** On a hardened host: what Weir says of it, and what it sees there all the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { runWeir, traceWhile } from './support/command.js';
import { TestNetns } from './support/load.js';
import { parseLines } from './support/record-shape.js';

const sysctl = (name: string) => readFileSync(`/proc/sys/${name}`, 'utf8').trim();

it('the host is hardened', () => {
  assert.match(readFileSync('/sys/kernel/security/lockdown', 'utf8'), /\[integrity\]/);
  assert.equal(sysctl('net/core/bpf_jit_harden'), '2');
  assert.notEqual(sysctl('kernel/unprivileged_bpf_disabled'), '0');
  assert.equal(sysctl('kernel/kptr_restrict'), '2');
  assert.equal(readFileSync('/sys/devices/system/cpu/isolated', 'utf8').trim(), '1');
});

it('weir doctor finds nothing amiss', async () => {
  const { status, stdout, stderr } = await runWeir(['doctor']);
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /weir trace works here/);
  assert.doesNotMatch(stdout, /does not work/);
});

it('weir trace sees every connection, with its process', async () => {
  using netns = new TestNetns();
  const { status, stdout, stderr } = await traceWhile(['--json', '--netns', netns.name], async () => [
    ...(await netns.load('pairs', '--count', '100')),
    ...(await netns.load('refused', '--count', '100')),
  ]);
  assert.equal(status, 0, stderr);
  const records = parseLines(stdout);
  const counts = Object.fromEntries(
    (['connect', 'accept', 'close', 'fail', 'lost'] as const).map((event) => [
      event,
      records.filter((record) => record.event === event).length,
    ]),
  );
  assert.deepEqual(counts, { connect: 100, accept: 100, close: 200, fail: 100, lost: 0 });
});
