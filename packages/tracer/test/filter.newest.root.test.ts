/** Filters, as the kernel applies them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SocketRecord, TraceFilter, TraceRecord } from '../src/index.js';
import { assertComplete, type Collected, collect } from './support/collect.js';
import { Load, type LoadReport } from './support/load.js';
import { TestNetns } from './support/netns.js';

const COUNT = 20;

/** Traces one load; the filter is made from what is known of the load before it runs. */
async function traceWith(
  makeFilter: (load: Load) => TraceFilter,
  ...args: string[]
): Promise<Collected<LoadReport[]> & { netns: number }> {
  using netns = new TestNetns();
  using load = await Load.prepare(netns, 'pairs', '--count', String(COUNT), ...args);
  const filter = { netns: [netns.inode], ...makeFilter(load) };
  const collected = await collect({ filter }, () => load.run());
  assertComplete(collected);
  return { ...collected, netns: netns.inode };
}

function counts(records: readonly TraceRecord[]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const { event } of records) result[event] = (result[event] ?? 0) + 1;
  return result;
}

const outboundOnly = { connect: COUNT, close: COUNT };
const inboundOnly = { accept: COUNT, close: COUNT };
const both = { connect: COUNT, accept: COUNT, close: 2 * COUNT };

describe('filters in the kernel', () => {
  it("by pid keep only that process's events", async () => {
    const { records, result } = await traceWith((load) => ({ pids: [load.ready.pid] }));
    assert.deepEqual(counts(records), outboundOnly);
    assert.ok(records.every((record) => (record as SocketRecord).process?.pid === result[0]!.client.pid));
  });

  it('by command name keep only events of processes with that name', async () => {
    const hex = Buffer.from('weird\u001b[31m').toString('hex');
    const { records } = await traceWith(() => ({ comms: ['weird\u001b[31m'] }), '--server-comm', hex);
    assert.deepEqual(counts(records), inboundOnly);
    assert.equal((records[0] as SocketRecord).process?.comm, 'weird\u001b[31m');
  });

  it("by user keep only that user's events", async () => {
    const own = await traceWith(() => ({ uids: [0] }));
    assert.deepEqual(counts(own.records), both);
    const other = await traceWith(() => ({ uids: [12345] }));
    assert.deepEqual(counts(other.records), {});
  });

  it('by network namespace keep only its connections', async () => {
    const { records } = await traceWith(() => ({ netns: [1] }));
    assert.deepEqual(counts(records), {});
  });

  it('by port keep only connections with it at either end, the local end or the peer', async () => {
    const server = (load: Load) => load.ready.ports![0]!;
    const range = (port: number) => ({ from: port, to: port });
    assert.deepEqual(counts((await traceWith((load) => ({ ports: [range(server(load))] }))).records), both);
    assert.deepEqual(
      counts((await traceWith((load) => ({ localPorts: [range(server(load))] }))).records),
      inboundOnly,
    );
    assert.deepEqual(
      counts((await traceWith((load) => ({ peerPorts: [range(server(load))] }))).records),
      outboundOnly,
    );
    const around = (load: Load) => [
      { from: 0, to: server(load) - 1 },
      { from: server(load) + 1, to: 65535 },
    ];
    assert.deepEqual(
      counts((await traceWith((load) => ({ localPorts: around(load) }))).records),
      outboundOnly,
    );
  });

  it('by address keep only connections within the prefixes', async () => {
    const all = await traceWith(() => ({ addresses: ['127.0.0.0/8'] }));
    assert.deepEqual(counts(all.records), both);
    const none = await traceWith(() => ({ addresses: ['127.0.0.2', '10.0.0.0/8', '::/0'] }));
    assert.deepEqual(counts(none.records), {});
    const six = await traceWith(() => ({ peerAddresses: ['::1/128'] }), '--family', '6');
    assert.deepEqual(counts(six.records), both);
    const mapped = await traceWith(() => ({ localAddresses: ['127.0.0.0/8'] }), '--family', 'mapped');
    assert.deepEqual(counts(mapped.records), both);
  });

  it('by direction keep only outbound or inbound connections', async () => {
    const outbound = await traceWith(() => ({ direction: 'outbound' }));
    assert.deepEqual(counts(outbound.records), outboundOnly);
    const inbound = await traceWith(() => ({ direction: 'inbound' }));
    assert.deepEqual(counts(inbound.records), inboundOnly);
  });

  it('by kind of event keep only records of that kind', async () => {
    const { records, stats } = await traceWith(() => ({ events: ['accept', 'fail'] }));
    assert.deepEqual(counts(records), { accept: COUNT });
    assert.deepEqual(stats.produced, {
      connect: 0,
      accept: COUNT,
      close: 0,
      fail: 0,
      udp_flow: 0,
      fd_install: 0,
    });
  });

  it('by cgroup keep only events of its processes', async () => {
    const everything = await traceWith(() => ({}));
    const cgroup = (everything.records[0] as SocketRecord).cgroup_id;
    assert.ok(cgroup !== undefined);
    assert.deepEqual(counts((await traceWith(() => ({ cgroupIds: [cgroup] }))).records), both);
    assert.deepEqual(counts((await traceWith(() => ({ cgroupIds: [cgroup + 1_000_000] }))).records), {});
  });

  it('of several kinds must all pass', async () => {
    const { records } = await traceWith((load) => ({
      pids: [load.ready.pid],
      uids: [0],
      direction: 'outbound',
      peerPorts: [{ from: load.ready.ports![0]!, to: load.ready.ports![0]! }],
      addresses: ['127.0.0.1'],
      events: ['close'],
    }));
    assert.deepEqual(counts(records), { close: COUNT });
  });
});
