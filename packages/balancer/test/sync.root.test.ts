/**
 * Two balancers, one after the other, for the same clients: connections move from one to the other while a real is added. Their
 * packets are those of clients, byte by byte; the flows go from one to the other as datagrams have them.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Balancer, FlowFilter, SharedFlow } from '../src/index.js';
import { FlowSync } from '../src/sync/flow-sync.js';
import { CPU, choice, open, service, tcp4, tcp6, udp4, VIP4, VIP6 } from './support/open-balancer.js';
import { frameOf, type Packet } from './support/packet.js';

const SYN = ['syn'] as const;
const ACK = ['ack'] as const;
const FLOWS = 40;
const PORT = 8850;
const before = ['10.0.0.1', '10.0.0.2'];
const after = ['10.0.0.3', '10.0.0.2', '10.0.0.1', '10.0.0.4'];

function serve(balancer: Balancer, reals: readonly string[]): void {
  for (const address of [VIP4, VIP6]) service(balancer, { address, port: 80, protocol: 'tcp' }, reals);
  service(balancer, { address: VIP4, port: 80, protocol: 'udp' }, reals);
}

function packets(flags: NonNullable<Packet['flags']>): Packet[] {
  return Array.from({ length: FLOWS }, (_, i) => i).flatMap((i) => [
    { ...tcp4, sourcePort: 1000 + i, flags },
    { ...tcp6, sourcePort: 1000 + i, flags },
    { ...udp4, sourcePort: 1000 + i },
  ]);
}

function realOf(balancer: Balancer, packet: Packet): string {
  assert.equal(balancer.process(frameOf(packet)).verdict, 'tx');
  return balancer.explain(frameOf(packet), CPU).real!;
}

it('flows that move to another balancer while reals change keep their real, which without their copy some lose', async () => {
  // So large that no flow replaces another in its bucket; and in a slow guest, UDP flows do not end meanwhile.
  const one = open({ syncFlows: 10_000, flows: 60_000, udpIdleSeconds: 3600 });
  const two = open({ syncFlows: 10_000, flows: 60_000, udpIdleSeconds: 3600, newFlowLimit: 100_000 });
  const alone = open();
  serve(one, before);
  serve(two, after);
  serve(alone, after);
  one.newFlows();
  const chosen = packets(SYN).map((packet) => realOf(one, packet));
  const lost = packets(ACK).filter((packet, i) => realOf(alone, packet) !== chosen[i]);
  assert.ok(lost.length > FLOWS / 2, `without: ${lost.length}`);

  const key = Buffer.alloc(32, 3);
  const common = { keys: [key], refresh: 3_600_000, rate: 100_000, mtu: 1500, log: assert.fail };
  const ends = [
    { host: '127.0.0.1', port: PORT },
    { host: '127.0.0.2', port: PORT },
  ] as const;
  // What was new is known, and comes with the copy.
  assert.equal(one.newFlows().length, 3 * FLOWS);
  await using _ = await FlowSync.start(one, { ...common, listen: ends[0], peers: [ends[1]] });
  await using receiving = await FlowSync.start(two, { ...common, listen: ends[1], peers: [ends[0]] });
  const applied = () => receiving.status().learned.applied;
  for (const deadline = Date.now() + 60_000; applied() < 3 * FLOWS; await sleep(20))
    assert.ok(Date.now() < deadline, JSON.stringify(receiving.status()));
  const hits = two.counters().peerHit;
  const moved = packets(ACK).filter((packet, i) => realOf(two, packet) !== chosen[i]);
  assert.deepEqual(moved, []);
  // Explanations are not counted.
  assert.equal(two.counters().peerHit - hits, 3 * FLOWS);
  assert.equal(choice(two, packets(ACK)[0]!), `flow-table ${chosen[0]}`);
});

it('flows of reals and VIPs that the other has not are counted, and a removed real keeps none', () => {
  const two = open({ syncFlows: 10_000, newFlowLimit: 100_000 });
  serve(two, before);
  const flow: SharedFlow = {
    source: '192.0.2.9',
    sourcePort: 5,
    destination: VIP4,
    destinationPort: 80,
    protocol: 'tcp',
    real: '10.0.0.1',
    byRule: false,
    idleMs: 0,
  };
  const flows = [flow, { ...flow, real: '10.0.0.77' }, { ...flow, destination: '198.51.100.99' }];
  assert.deepEqual(two.learnFlows(flows, 0), { applied: 1, unknownReal: 1, unknownVip: 1 });
  const packet = { ...tcp4, source: flow.source, sourcePort: 5, flags: ACK };
  assert.equal(choice(two, packet), 'peer-flow 10.0.0.1');
  serve(two, ['10.0.0.2']);
  assert.equal(choice(two, packet), 'ring 10.0.0.2');
});

it('a flow that is removed is forgotten as a flow of another balancer, too; UDP flows end after their idle time', async () => {
  const two = open({ syncFlows: 10_000, newFlowLimit: 100_000 });
  serve(two, before);
  const flow: SharedFlow = {
    source: '192.0.2.10',
    sourcePort: 6,
    destination: VIP4,
    destinationPort: 80,
    protocol: 'udp',
    real: '10.0.0.1',
    byRule: false,
    idleMs: 0,
  };
  const packet = { ...udp4, source: flow.source, sourcePort: 6 };
  two.learnFlows([flow], 1000);
  assert.equal(choice(two, packet), 'peer-flow 10.0.0.1');
  two.learnFlows([{ ...flow, idleMs: 32_000 }], 1000);
  assert.match(choice(two, packet), /^ring /);
  two.learnFlows([flow], 1000);
  await two.removeFlow(flow);
  assert.match(choice(two, packet), /^ring /);
});

it('a removal by conditions forgets those flows of other balancers that meet all of them', async () => {
  const two = open({ syncFlows: 10_000, newFlowLimit: 100_000 });
  serve(two, before);
  const base: SharedFlow = {
    source: '192.0.2.11',
    sourcePort: 7,
    destination: VIP4,
    destinationPort: 80,
    protocol: 'tcp',
    real: '10.0.0.1',
    byRule: false,
    idleMs: 0,
  };
  const flows: Readonly<Record<string, SharedFlow>> = {
    meant: { ...base, idleMs: 20_000 },
    young: { ...base, sourcePort: 8 },
    udp: { ...base, protocol: 'udp', idleMs: 20_000 },
    elsewhere: { ...base, source: '203.0.113.1', idleMs: 20_000 },
    ofOther: { ...base, sourcePort: 9, real: '10.0.0.2', idleMs: 20_000 },
  };
  two.learnFlows(Object.values(flows), 1000);
  const filter: FlowFilter = {
    service: { address: VIP4, port: 80, protocol: 'tcp' },
    real: '10.0.0.1',
    source: '192.0.2.0/24',
    olderMs: 10_000,
  };
  for await (const _ of two.removeFlows(filter));
  const kept = Object.entries(flows).filter(([, { source, sourcePort, protocol }]) => {
    const packet = protocol === 'udp' ? udp4 : { ...tcp4, flags: ACK };
    return choice(two, { ...packet, source, sourcePort }).startsWith('peer-flow');
  });
  assert.deepEqual(
    kept.map(([name]) => name),
    ['young', 'udp', 'elsewhere', 'ofOther'],
  );
});
