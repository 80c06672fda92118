/** Known flows as they are listed, counted and removed; misses, and how full tables are. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import type { Balancer, FlowFilter, KnownFlow } from '../../src/index.js';
import { goesOut, openNat } from '../support/nat-packets.js';
import {
  CPU,
  choice,
  open,
  REALS4,
  service,
  services,
  tcp4,
  tcp6,
  udp4,
  udp6,
  VIP4,
  VIP6,
} from '../support/open-balancer.js';
import { frameOf, type Packet } from '../support/packet.js';

const four = [tcp4, udp4, tcp6, udp6];

function send(balancer: Balancer, packet: Packet): void {
  assert.equal(balancer.process(frameOf(packet)).verdict, 'tx');
}

/** The flows that a filter lets through, without those of earlier tests, whose reals are gone. */
async function list(balancer: Balancer, filter: FlowFilter = {}): Promise<KnownFlow[]> {
  const found: KnownFlow[] = [];
  let walked = -1;
  for await (const batch of balancer.flows(filter)) {
    assert.ok(batch.walked >= walked && batch.walked <= batch.places);
    walked = batch.walked;
    found.push(...batch.flows.filter(({ state }) => state === 'known'));
  }
  return found;
}

async function removed(balancer: Balancer, filter: FlowFilter): Promise<number> {
  let count = 0;
  for await (const step of balancer.removeFlows(filter)) count = step.removed;
  return count;
}

const ends = ({ source, sourcePort, destination, destinationPort, protocol }: KnownFlow | Packet) =>
  `${source} ${sourcePort} ${destination} ${destinationPort} ${protocol}`;

/** The real's address as a balancer writes it. */
const realOf = (balancer: Balancer, packet: Packet) => choice(balancer, packet).split(' ')[1];

describe('the flows that a balancer knows', () => {
  it('are listed with both ends, service, real, CPU and idle time', async () => {
    const balancer = open();
    services(balancer, 80);
    for (const packet of four) send(balancer, packet);
    const flows = await list(balancer);
    assert.deepEqual(
      flows.map(ends).sort(),
      four
        .map((packet) =>
          ends({ ...packet, source: short(packet.source), destination: short(packet.destination) }),
        )
        .sort(),
    );
    for (const packet of four) {
      const flow = flows.find(
        (each) =>
          ends(each) ===
          ends({ ...packet, source: short(packet.source), destination: short(packet.destination) }),
      )!;
      assert.equal(short(flow.real!), short(realOf(balancer, packet)!));
      assert.equal(flow.service?.port, 80);
      assert.equal(flow.service?.protocol, packet.protocol);
      assert.deepEqual([flow.cpu, flow.byRule], [CPU, false]);
      assert.ok(flow.idleMs >= 0 && flow.idleMs < 600_000, `${flow.idleMs}`);
    }
  });

  it('are searched by source, service, real, protocol and idle time', async () => {
    const balancer = open();
    services(balancer, 80);
    const packets = Array.from({ length: 200 }, (_, i) => ({ ...tcp4, source: `192.168.2.${i + 1}` }));
    for (const packet of [...packets, ...four]) send(balancer, packet);
    const count = async (filter: FlowFilter) => (await list(balancer, filter)).length;
    assert.equal(await count({ source: '192.168.2.0/24' }), 200);
    assert.equal(await count({ source: '192.168.2.8/29' }), 8);
    assert.equal(await count({ source: '192.168.2.9' }), 1);
    assert.equal(await count({ source: '0.0.0.0/0' }), 202);
    assert.equal(await count({ source: '2001:db8:1::/48' }), 2);
    assert.equal(await count({ service: { address: VIP4, port: 80, protocol: 'tcp' } }), 201);
    assert.equal(await count({ service: { address: VIP6, port: 80, protocol: 'udp' } }), 1);
    assert.equal(await count({ protocol: 'udp' }), 2);
    const byReal = await Promise.all(REALS4.map((real) => count({ real, protocol: 'tcp' })));
    assert.equal(
      byReal.reduce((sum, each) => sum + each),
      201,
    );
    for (const each of byReal) assert.ok(each > 30, byReal.join(' '));
    assert.equal(await count({ olderMs: 3_600_000 }), 0);
    assert.equal(await count({ youngerMs: 3_600_000 }), 204);
    await assert.rejects(list(balancer, { source: '192.168.2.0/33' }), OptionError);
    await assert.rejects(
      list(balancer, { service: { address: VIP4, port: 81, protocol: 'tcp' } }),
      new OptionError('there is no such service'),
    );
  });

  it('are counted by age, service and real', async () => {
    const balancer = open();
    services(balancer, 80);
    for (const packet of four) send(balancer, packet);
    for await (const { analysis } of balancer.analyseFlows()) {
      if (analysis === undefined) continue;
      const { states, services: served } = analysis;
      assert.ok(states.known >= 4);
      assert.equal(
        served.reduce((sum, { flows }) => sum + flows, analysis.withoutService),
        analysis.flows,
      );
      assert.equal(
        analysis.ages.reduce((sum, each) => sum + each),
        analysis.flows,
      );
      const v6 = served.find(({ service: { address, protocol } }) => address === VIP6 && protocol === 'udp')!;
      // Flows of earlier tests are stale: their reals are gone.
      assert.ok(v6.flows >= 1);
      assert.deepEqual(
        v6.reals.map(({ flows }) => flows),
        [1],
      );
    }
  });

  it('of services for all ports and of prefixes belong to these', async () => {
    const balancer = open();
    const any = { address: VIP4, port: 0, protocol: 'tcp' } as const;
    const prefix = { address: '198.51.100.128/25', port: 443, protocol: 'tcp' } as const;
    service(balancer, any, ['10.0.0.1']);
    service(balancer, prefix, ['10.0.0.2']);
    send(balancer, { ...tcp4, destinationPort: 8443 });
    send(balancer, { ...tcp4, destination: '198.51.100.200', destinationPort: 443 });
    const flows = await list(balancer);
    assert.deepEqual(
      flows.map((flow) => [flow.destination, flow.destinationPort, flow.service, flow.real]).sort(),
      [
        [VIP4, 0, any, '10.0.0.1'],
        ['198.51.100.200', 0, prefix, '10.0.0.2'],
      ],
    );
    assert.equal(await balancer.removeFlow({ ...flowOf(tcp4), destinationPort: 1 }), 1);
    assert.equal(
      await balancer.removeFlow({ ...flowOf(tcp4), destination: '198.51.100.200', destinationPort: 443 }),
      1,
    );
    assert.deepEqual(await list(balancer), []);
  });

  it('are stale once their real has left, and unknown to a removed service', async () => {
    const balancer = open();
    service(balancer, { address: VIP4, port: 80, protocol: 'tcp' }, ['10.0.0.1']);
    service(balancer, { address: VIP4, port: 81, protocol: 'tcp' }, ['10.0.0.1']);
    const packet = { ...tcp4, source: '192.168.3.1' };
    send(balancer, packet);
    service(balancer, { address: VIP4, port: 80, protocol: 'tcp' }, ['10.0.0.2']);
    const states: string[] = [];
    for await (const { flows } of balancer.flows({ source: '192.168.3.1' }))
      states.push(...flows.map(({ state, real }) => `${state} ${real}`));
    assert.deepEqual(states, ['stale 10.0.0.1']);
  });

  for (const packet of four) {
    it(`one is removed: ${packet.protocol} from ${packet.source}`, async () => {
      const balancer = open();
      services(balancer, 80);
      const others = [1, 2, 3].map((i) => ({ ...packet, sourcePort: packet.sourcePort + i }));
      for (const each of [packet, ...others]) send(balancer, each);
      assert.match(choice(balancer, packet), /^flow-table /);
      assert.equal(await balancer.removeFlow(flowOf(packet)), 1);
      assert.match(choice(balancer, packet), /^ring /);
      for (const other of others) assert.match(choice(balancer, other), /^flow-table /);
      assert.equal(await balancer.removeFlow(flowOf(packet)), 0);
      assert.equal((await list(balancer)).length, 3);
    });
  }

  it('one for no service is refused', async () => {
    const balancer = open();
    services(balancer, 80);
    await assert.rejects(balancer.removeFlow({ ...flowOf(tcp4), destinationPort: 81 }), OptionError);
  });

  it('those of a real, and of a service, are removed, and no others', async () => {
    const balancer = open();
    services(balancer, 80);
    const packets = Array.from({ length: 200 }, (_, i) => ({ ...tcp4, source: `192.168.4.${i + 1}` }));
    for (const packet of [...packets, ...four]) send(balancer, packet);
    const web = { address: VIP4, port: 80, protocol: 'tcp' } as const;
    const [first] = REALS4;
    const count = (await list(balancer, { service: web, real: first! })).length;
    assert.ok(count > 30);
    assert.equal(await removed(balancer, { service: web, real: first! }), count);
    assert.equal((await list(balancer, { service: web })).length, 201 - count);
    // Those of earlier tests, which are stale, are removed as well.
    assert.ok((await removed(balancer, { service: web })) >= 201 - count);
    assert.equal((await list(balancer)).length, 3);
    for (const packet of packets) assert.match(choice(balancer, packet), /^ring /);
    assert.match(choice(balancer, udp6), /^flow-table /);
  });

  it('of IPv6 have no addresses with flowAddresses: false, and are removed by their ends or real', async () => {
    const balancer = open({ flowAddresses: false });
    services(balancer, 80);
    for (const packet of four) send(balancer, packet);
    const flows = await list(balancer);
    assert.deepEqual(
      flows.map(({ source, service: of }) => [source === undefined, of === undefined]).sort(),
      [
        [false, false],
        [false, false],
        [true, true],
        [true, true],
      ],
    );
    assert.equal(await balancer.removeFlow(flowOf(tcp6)), 1);
    assert.match(choice(balancer, tcp6), /^ring /);
    assert.equal(await removed(balancer, { real: realOf(balancer, udp6)! }), 1);
    assert.match(choice(balancer, udp6), /^ring /);
  });

  it('on CPUs without a table are listed and removed as well', async () => {
    const balancer = open({ flows: 3001 });
    services(balancer, 80);
    balancer.dropFlowTable(CPU);
    for (const packet of four) send(balancer, packet);
    const flows = await list(balancer);
    assert.deepEqual(
      flows.map(({ fallback }) => fallback),
      [true, true, true, true],
    );
    assert.equal(await balancer.removeFlow(flowOf(tcp6)), 1);
    assert.equal(await removed(balancer, { service: { address: VIP4, port: 80, protocol: 'udp' } }), 1);
    assert.match(choice(balancer, tcp6), /^ring /);
    assert.match(choice(balancer, udp4), /^ring /);
    assert.equal((await list(balancer)).length, 2);
  });

  it('translated ones are listed with the address that the real sees, and removed', async () => {
    const balancer = openNat();
    const first: Packet = { ...tcp4, source: '192.168.5.1', flags: ['syn'] };
    const udp: Packet = { ...udp6, sourcePort: 4242 };
    const port = goesOut(balancer, first);
    goesOut(balancer, udp);
    const [flow] = await list(balancer, { source: '192.168.5.1' });
    assert.equal(ends(flow!), ends(first));
    assert.deepEqual(
      [flow!.real, flow!.realPort, flow!.translated],
      ['10.0.0.1', 8080, { address: '192.0.2.77', port }],
    );
    assert.equal(await balancer.removeFlow(flowOf(first)), 1);
    assert.deepEqual(await list(balancer, { source: '192.168.5.1' }), []);
    assert.match(choice(balancer, { ...first, flags: ['ack'] }), /^nat-unknown /);
    const dns = { address: VIP6, port: 80, protocol: 'udp' } as const;
    assert.ok((await removed(balancer, { service: dns })) >= 1);
    assert.deepEqual(await list(balancer, { service: dns }), []);
    // The ports are free again, and the flows can begin anew.
    goesOut(balancer, first);
    goesOut(balancer, udp);
  });
});

describe('misses', () => {
  const web = { address: VIP4, port: 80, protocol: 'tcp' } as const;
  const missesOf = (balancer: Balancer) => {
    const status = balancer
      .services()
      .find(({ service: { port, protocol } }) => port === 80 && protocol === 'tcp')!;
    const real = balancer.reals().find(({ address }) => address === '10.0.0.1')!;
    return [status.misses, real.misses];
  };

  it('are counted by service and by real', () => {
    const balancer = open();
    service(balancer, web, ['10.0.0.1']);
    assert.deepEqual(missesOf(balancer), [
      { syn: 0, other: 0 },
      { syn: 0, other: 0 },
    ]);
    send(balancer, { ...tcp4, source: '192.168.6.1', flags: ['syn'] });
    send(balancer, { ...tcp4, source: '192.168.6.1' });
    send(balancer, { ...tcp4, source: '192.168.6.2' });
    send(balancer, { ...tcp4, source: '192.168.6.2' });
    assert.deepEqual(missesOf(balancer), [
      { syn: 1, other: 1 },
      { syn: 1, other: 1 },
    ]);
  });

  it('of translated services are the packets of no known flow', () => {
    const balancer = openNat();
    const vip = () =>
      balancer
        .services()
        .find(({ service: { address, protocol } }) => address === VIP4 && protocol === 'tcp')!;
    const before = vip().misses!.other;
    balancer.process(frameOf({ ...tcp4, source: '192.168.6.3' }));
    assert.equal(vip().misses!.other, before + 1);
  });

  it('are captured alone', async () => {
    const balancer = open();
    service(balancer, web, ['10.0.0.1']);
    using capture = balancer.capture({ misses: true });
    const length = frameOf(tcp4).length;
    send(balancer, { ...tcp4, source: '192.168.6.4', flags: ['syn'] });
    send(balancer, { ...tcp4, source: '192.168.6.4' });
    send(balancer, { ...tcp4, source: '192.168.6.5' });
    send(balancer, { ...tcp4, source: '192.168.6.5' });
    balancer.process(frameOf({ ...tcp4, destinationPort: 81 }));
    await capture.wait({ timeoutMs: 60_000 });
    const packets = capture.read();
    assert.deepEqual(
      packets.map(({ reason, real, length: bytes }) => [reason, real, bytes]),
      [['ring', '10.0.0.1', length + 20]],
    );
  });
});

describe('tables', () => {
  it('say how full they are', () => {
    const balancer = open({ nat: { sources: ['192.0.2.77'], ports: [20_000, 20_099] } });
    services(balancer, 80);
    const before = new Map(balancer.tables().map((table) => [table.name, table]));
    assert.deepEqual(before.get('vips'), { name: 'vips', used: 4, size: 4096, estimated: false });
    assert.equal(before.get('reals')!.used, 6);
    assert.deepEqual(before.get('nat'), { name: 'nat', used: 0, size: 200, estimated: false });
    const flows = before.get('flows')!;
    assert.ok(flows.size >= 6000);
    for (let i = 1; i <= 100; i++) send(balancer, { ...tcp4, source: `192.168.7.${i}` });
    const now = balancer.tables().find(({ name }) => name === 'flows')!;
    assert.equal(now.estimated, false);
    assert.equal(now.used - flows.used, 100);
  });

  it('counters of each CPU add up', () => {
    const balancer = open();
    services(balancer, 80);
    send(balancer, tcp4);
    const cpus = balancer.cpuCounters();
    assert.ok(cpus.some(({ cpu }) => cpu === CPU));
    assert.equal(
      cpus.reduce((sum, { counters }) => sum + counters.packets, 0),
      balancer.counters().packets,
    );
  });
});

function flowOf({ source, sourcePort, destination, destinationPort, protocol }: Packet) {
  return { source, sourcePort, destination, destinationPort, protocol };
}

/** An IPv6 address without its longest row of zeros. */
function short(text: string): string {
  return text.includes(':') ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}
