/** What `weir doctor` says to processes with fewer privileges than root: less, and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asNobody, runWeir } from './support/command.js';
import {
  asRootWithout,
  assertLessKnown,
  assertNothingMissing,
  root,
  rootMarks,
} from './support/doctor-marks.js';

describe('weir doctor', () => {
  it('knows most as root', () => {
    assert.ok(rootMarks.size > 60, root.stdout);
    assert.ok([...rootMarks.values()].filter((mark) => mark === '✓').length > 30, root.stdout);
    assert.match(root.stdout, /^✓ there {3}✗ not there {3}\? not known$/m);
  });

  it('says to nobody that most is not known, and what is missing, once', async () => {
    const limited = await runWeir(['doctor'], asNobody());
    assert.equal(limited.status, 1);
    const hidden = assertLessKnown(limited);
    assert.ok(hidden.includes('ringbuf') && hidden.includes('raw_tracepoint'), limited.stdout);
    assert.equal(limited.stdout.match(/\n {2}\? needs CAP_BPF and CAP_PERFMON: run it as root/g)?.length, 2);
    assert.match(limited.stdout, /\n {2}lifecycle of connections: not known\n/);
    assert.match(limited.stdout, /\n {2}process that accepts: not known\n/);
  });

  for (const [what, prefix, named] of [
    ['nobody with CAP_BPF and CAP_PERFMON', asNobody('bpf', 'perfmon')],
    ['root without CAP_NET_ADMIN', asRootWithout('net_admin'), 'CAP_NET_ADMIN'],
    ['root without CAP_SYS_ADMIN', asRootWithout('sys_admin'), 'CAP_SYS_ADMIN'],
  ] as const) {
    it(`calls nothing missing that root has, for ${what}`, () => assertNothingMissing(prefix, true, named));
  }
});
