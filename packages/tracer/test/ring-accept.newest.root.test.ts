/** Connections that a program accepts through io_uring. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { kernelAtLeast } from '@weir/ebpf';
import type { AcceptRecord, CloseRecord, TraceRecord } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { TestNetns } from './support/netns.js';

/** The exit status of lab/load/ring-accept.c where the kernel has no such request. */
const UNKNOWN = 2;
const CONNECTIONS = 3;

function runRing(netns: TestNetns, way: string) {
  const program = join(process.env.WEIR_LOAD!, 'ring-accept');
  const { status, stdout, stderr, pid } = spawnSync('ip', ['netns', 'exec', netns.name, program, way], {
    encoding: 'utf8',
  });
  assert.ok(status === 0 || status === UNKNOWN, stderr);
  return { isKnown: status === 0, port: Number(stdout), pid };
}

function inboundOf(records: readonly TraceRecord[], port: number): (AcceptRecord | CloseRecord)[] {
  return records.filter(
    (record): record is AcceptRecord | CloseRecord =>
      (record.event === 'accept' || record.event === 'close') && record.local.port === port,
  );
}

const ways = ['once', 'multishot', 'direct', 'worker', 'poller'] as const;

/** By a request for each, by one for all, into its own table of files, in a worker, and for a polling thread. */
describe('connections that io_uring accepts', () => {
  for (const hook of availableAcceptHooks()) {
    it(`are the program's in every way, with ${hook}`, async (t) => {
      using netns = new TestNetns();
      const filter = { netns: [netns.inode], comms: ['ring-accept'] };
      // One tracer for all: each start takes seconds in a guest.
      const collected = await collect({ acceptHook: hook, filter }, async () =>
        ways.map((way) => ({ way, ...runRing(netns, way) })),
      );
      const known = collected.result.filter(({ isKnown }) => isKnown);
      for (const { way, port, pid } of known) {
        const inbound = inboundOf(collected.records, port);
        const events = [...Array(CONNECTIONS).fill('accept'), ...Array(CONNECTIONS).fill('close')];
        assert.deepEqual(inbound.map(({ event }) => event).sort(), events, way);
        for (const record of inbound) {
          // `ip` becomes the program by exec().
          assert.deepEqual([record.process?.pid, record.process?.comm], [pid, 'ring-accept'], way);
          if (record.event === 'accept') assert.equal(record.accounted, accountedBy(hook), way);
          else assert.deepEqual([record.closed_by, record.bytes_received], ['local', 5], way);
        }
      }
      assertComplete(collected);
      if (kernelAtLeast('6.1')) assert.equal(known.length, ways.length);
      else if (known.length < ways.length) t.skip('needs every request of io_uring (Linux 5.19 and later)');
    });
  }
});
