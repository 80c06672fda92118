/** On a host whose IPv6 is switched off. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { runWeir, traceWhile } from './support/command.js';
import { TestNetns } from './support/load.js';
import { parseLines } from './support/record-shape.js';

it('IPv6 is off', () => {
  assert.equal(existsSync('/proc/net/if_inet6'), false);
});

it('weir trace sees what IPv4 does', async () => {
  using netns = new TestNetns();
  const { status, stdout, stderr } = await traceWhile(['--json', '--netns', netns.name], async () => [
    ...(await netns.load('pairs', '--count', '100')),
    ...(await netns.load('refused', '--count', '100')),
  ]);
  assert.equal(status, 0, stderr);
  const records = parseLines(stdout);
  const counts = Object.fromEntries(
    (['connect', 'accept', 'close', 'fail'] as const).map((event) => [
      event,
      records.filter((record) => record.event === event).length,
    ]),
  );
  assert.deepEqual(counts, { connect: 100, accept: 100, close: 200, fail: 100 });
  for (const { network } of records) assert.equal(network.type, 'ipv4');
});

it('weir doctor finds nothing amiss', async () => {
  const { status, stdout, stderr } = await runWeir(['doctor']);
  assert.equal(status, 0, stdout + stderr);
});
