/** Discovery for a user who may load programs and nothing else: some experiments are forbidden, and tracing goes on without them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostReport } from '@weir/tracer';
import { asNobody, runWeir, traceWhile } from './support/command.js';
import { TestNetns } from './support/load.js';
import { assertPairs } from './support/privileges.js';

const prefix = asNobody('bpf', 'perfmon');

describe('a discovery by nobody with CAP_BPF and CAP_PERFMON', () => {
  it('names the capability that a field needs', async () => {
    const { status, stdout, stderr } = await runWeir(['doctor', '--json', '--btf', 'discover'], prefix);
    assert.equal(status, 0, stderr);
    const { btf } = JSON.parse(stdout) as HostReport;
    assert.equal(btf.source, 'discovery');
    const sequence = btf.missing?.find(({ field }) => field === 'tcp_sock.snd_una');
    assert.match(sequence?.why ?? '', /sequence numbers: setsockopt: EPERM, it needs CAP_NET_ADMIN/);
  });

  it('is enough to trace', async () => {
    using netns = new TestNetns();
    const { status, stdout, stderr } = await traceWhile(
      ['--json', '--netns', String(netns.inode), '--btf', 'discover'],
      () => netns.load('pairs', '--count', '2'),
      prefix,
    );
    assert.equal(status, 0, stderr);
    assertPairs(2, stdout, stderr);
  });
});
