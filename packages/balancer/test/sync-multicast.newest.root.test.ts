/** Flows shared through multicast groups, between two hosts on one network. */
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';
import { FlowSync } from '../src/sync/flow-sync.js';
import type { SharedFlow } from '../src/sync/sync-message.js';
import type { SyncedBalancer, SyncGroup } from '../src/sync/sync-options.js';
import { ip } from './support/network.js';

const PORT = 8850;
const flow: SharedFlow = {
  source: '192.0.2.7',
  sourcePort: 31_337,
  destination: '198.51.100.1',
  destinationPort: 443,
  protocol: 'tcp',
  real: '10.0.0.1',
  byRule: false,
  idleMs: 0,
};

/** A balancer that knows flows, and notes those that it learns. */
class Flows implements SyncedBalancer {
  readonly known: readonly SharedFlow[];
  readonly learned: SharedFlow[] = [];

  constructor(...known: readonly SharedFlow[]) {
    this.known = known;
  }

  newFlowsLost(): number {
    return 0;
  }

  newFlows(): SharedFlow[] {
    return [];
  }

  learnFlows(flows: readonly SharedFlow[]) {
    this.learned.push(...flows);
    return { applied: flows.length, unknownVip: 0, unknownReal: 0 };
  }

  async *flows() {
    yield { flows: this.known.map((each) => ({ ...each, state: 'known' as const })), walked: 1, places: 1 };
  }

  async removeFlow(): Promise<number> {
    return 0;
  }

  async *removeFlows() {}
}

/** A new host, in which this thread is from now on; sockets stay where they were opened. */
function enterHost(): number {
  unshare(Namespace.net);
  return openSync('/proc/thread-self/ns/net', 'r');
}

function setUp(device: string, number: number): void {
  ip(`address add 10.0.0.${number}/24 dev ${device}`);
  ip(`address add fd00::${number}/64 dev ${device} nodad`);
  ip(`link set ${device} up`);
}

function start(balancer: Flows, multicast: SyncGroup): Promise<FlowSync> {
  const ipv6 = multicast.group.includes(':');
  return FlowSync.start(balancer, {
    listen: { host: ipv6 ? '::' : '0.0.0.0', port: PORT },
    peers: [{ host: multicast.group, port: PORT }],
    multicast,
    ...{ keys: [Buffer.alloc(32, 3)], refresh: 3_600_000, rate: 1000, mtu: 1500 },
    log: assert.fail,
  });
}

describe('a newcomer to a group gets the flows of another balancer', () => {
  const groups = [
    { group: '239.255.0.81', places: ['10.0.0.1', '10.0.0.2'] },
    { group: 'ff02::81', places: ['m1', '::%m2'] },
    { group: 'ff05::81', places: ['::%m1', 'm2'] },
  ] as const;
  const ends = new Map<string, readonly [Flows, FlowSync, Flows, FlowSync]>();

  before(async () => {
    const first = enterHost();
    ip('link add m1 index 81 type veth peer name m2');
    setUp('m1', 1);
    const older = groups.map(() => new Flows(flow));
    const sent: FlowSync[] = [];
    for (const [i, { group, places }] of groups.entries())
      sent.push(await start(older[i]!, { group, interface: places[0] }));
    const second = enterHost();
    // Node.js looks for the name of the device on which a link-local address sent where its thread is now, and drops the datagram if none
    // has the index.
    ip('link add other index 81 type veth peer name unused');
    withNetns(first, () => ip(`link set m2 netns /proc/${process.pid}/fd/${second}`));
    setUp('m2', 2);
    for (const [i, { group, places }] of groups.entries()) {
      const newcomer = new Flows();
      const sync = await start(newcomer, { group, interface: places[1] });
      ends.set(group, [older[i]!, sent[i]!, newcomer, sync]);
    }
  });

  for (const { group } of groups)
    it(`in ${group}`, async () => {
      const [older, sent, newcomer, sync] = ends.get(group)!;
      await using _ = sent;
      await using received = sync;
      for (const deadline = Date.now() + 60_000; newcomer.learned.length === 0; await sleep(20))
        assert.ok(Date.now() < deadline, JSON.stringify([sent.status(), received.status()]));
      assert.deepEqual(newcomer.learned, [flow]);
      assert.deepEqual(older.learned, []);
      const { peers, refused } = received.status();
      assert.equal(peers.length, 1);
      assert.ok(Object.values(refused).every((count) => count === 0));
    });
});

it('a group on a device that this host has not is refused by its name', async () => {
  const group = { group: 'ff02::81', interface: 'nowhere0' };
  await assert.rejects(start(new Flows(), group), {
    name: 'EbpfError',
    message:
      'sync: the group ff02::81 port 8850 cannot be joined on device nowhere0: this host has none such',
  });
  const other = { group: '239.255.0.81', interface: '203.0.113.9' };
  await assert.rejects(
    start(new Flows(), other),
    /cannot be joined on the network of 203.0.113.9: this host has none/,
  );
});
