/** Connections that a program accepts through io_uring. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
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

describe('connections that io_uring accepts', () => {
  for (const hook of availableAcceptHooks()) {
    for (const [way, how] of [
      ['once', 'by a request for each'],
      ['multishot', 'by one request for all'],
      ['direct', 'into its own table of files'],
      ['worker', 'in a worker'],
      ['poller', 'for a polling thread'],
    ] as const) {
      it(`${how} are the program's, with ${hook}`, async (t) => {
        using netns = new TestNetns();
        const filter = { netns: [netns.inode], comms: ['ring-accept'] };
        const collected = await collect({ acceptHook: hook, filter }, async () => runRing(netns, way));
        const { isKnown, port, pid } = collected.result;
        if (!isKnown) {
          t.skip('needs this request of io_uring (Linux 5.19 and later)');
          return;
        }
        const inbound = inboundOf(collected.records, port);
        assert.deepEqual(inbound.map(({ event }) => event).sort(), [
          ...Array(CONNECTIONS).fill('accept'),
          ...Array(CONNECTIONS).fill('close'),
        ]);
        for (const record of inbound) {
          // `ip` becomes the program by exec().
          assert.deepEqual([record.process?.pid, record.process?.comm], [pid, 'ring-accept']);
          if (record.event === 'accept') assert.equal(record.accounted, accountedBy(hook));
          else assert.deepEqual([record.closed_by, record.bytes_received], ['local', 5]);
        }
        assertComplete(collected);
      });
    }
  }
});
