/** Balancers for tests, and assertions about their results. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { after } from 'node:test';
import {
  addressSeed,
  Balancer,
  type BalancerOptions,
  buildRing,
  type Counters,
  flowSlot,
  type HashedFlow,
  type Service,
  type ServiceFlag,
} from '../../src/index.js';
import { frameOf, type Packet } from './packet.js';
import { tunnelled } from './tunnel.js';

/** The CPU on which all packets of a test run, since each CPU has its own flow table. */
export const CPU = 0;
execFileSync('taskset', ['-cp', String(CPU), String(process.pid)], { stdio: 'ignore' });

// Each change of a service waits until no packet is in progress; in the lab's guests, this shortens the wait.
if (process.env.WEIR_LAB_KERNEL !== undefined) writeFileSync('/sys/kernel/rcu_expedited', '1');

if (process.getuid?.() !== 0) throw new Error('this test loads programs: it needs root');

export const VIP4 = '198.51.100.1';
export const VIP6 = '2001:db8:0:0:0:0:0:1';
export const REALS4 = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
export const REALS6 = ['fd00:0:0:0:0:0:0:1', 'fd00:0:0:0:0:0:0:2', 'fd00:0:0:0:0:0:0:3'];

const opened = new Map<string, Balancer>();

/** Entries besides services that tests leave behind, and that would hold reals. */
const serverIds = [1, 5, 6, 0xabcd, 0xabcdef, 0xfedcba98];
const sourceRoutes = ['192.168.0.0/16', '192.168.1.0/24', '2001:db8::/32'];

/**
 * A balancer without services. Balancers with the same options are the same object, since loading takes long in guests;
 * flows of an earlier test refer to reals that no longer exist.
 */
export function open(options: Partial<BalancerOptions> = {}): Balancer {
  const name = JSON.stringify(options);
  let balancer = opened.get(name);
  if (balancer === undefined) {
    balancer = Balancer.open({
      routerMac: '02:00:00:00:00:03',
      flows: 3000,
      maxGlobalFlows: 1024,
      ...options,
    });
    opened.set(name, balancer);
  }
  balancer.removeServices(balancer.services().map(({ service: served }) => served));
  for (const id of serverIds) balancer.setServerId(id, undefined);
  for (const prefix of sourceRoutes) balancer.setSourceRoute(prefix, undefined);
  return balancer;
}

after(() => {
  for (const balancer of opened.values()) balancer[Symbol.dispose]();
});

/** Sets a service. */
export function service(
  balancer: Balancer,
  what: Service,
  reals: readonly string[],
  flags: ServiceFlag[] = [],
): void {
  balancer.setService(what, { reals: reals.map((address) => ({ address })), flags });
}

/** Sets TCP and UDP services of both families on a port. */
export function services(balancer: Balancer, port: number, flags: ServiceFlag[] = []): void {
  for (const protocol of ['tcp', 'udp'] as const) {
    service(balancer, { address: VIP4, port, protocol }, REALS4, flags);
    service(balancer, { address: VIP6, port, protocol }, REALS6, flags);
  }
}

export const tcp4: Packet = {
  source: '192.168.1.1',
  sourcePort: 31337,
  destination: VIP4,
  destinationPort: 80,
  protocol: 'tcp',
};
export const udp4: Packet = { ...tcp4, protocol: 'udp', payload: [1, 2, 3] };
export const tcp6: Packet = { ...tcp4, source: '2001:db8:1:2:3:4:5:6', destination: VIP6 };
export const udp6: Packet = { ...tcp6, protocol: 'udp', payload: [1, 2, 3] };

export function hex(frame: Uint8Array): string {
  return Buffer.from(frame).toString('hex');
}

/** Asserts that the packet is sent to a real, with every byte. */
export function goesTo(
  balancer: Balancer,
  packet: Packet,
  real: string,
  wrap?: Parameters<typeof tunnelled>[2],
): void {
  const { verdict, frame } = balancer.process(frameOf(packet));
  assert.equal(verdict, 'tx');
  assert.equal(hex(frame), hex(tunnelled(packet, real, wrap)));
}

/** Asserts that the frame is left to the host unchanged. */
export function passes(balancer: Balancer, frame: Uint8Array): void {
  const processed = balancer.process(frame);
  assert.deepEqual([processed.verdict, hex(processed.frame)], ['pass', hex(frame)]);
}

/** Asserts that the frame is dropped. */
export function drops(balancer: Balancer, frame: Uint8Array): void {
  assert.equal(balancer.process(frame).verdict, 'drop');
}

/** The real of a packet's flow, and the reason of the choice. */
export function choice(balancer: Balancer, packet: Packet): string {
  const { reason, real } = balancer.explain(frameOf(packet), CPU);
  return `${reason} ${real}`;
}

/** The increase of each counter that changes during an action. */
export function counted(balancer: Balancer, action: () => void): Partial<Counters> {
  const before = balancer.counters();
  action();
  const changes = Object.entries(balancer.counters()).map(([name, value]) => [
    name,
    value - before[name as keyof Counters],
  ]);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}

const rings = new Map<string, Uint16Array>();

/** The real in a packet's slot of the ring, as user space computes it. */
export function byRing(packet: HashedFlow, reals: readonly string[]): string {
  const name = reals.join(' ');
  let ring = rings.get(name);
  if (ring === undefined) {
    ring = buildRing(reals.map((real, i) => ({ number: i + 1, seed: addressSeed(real), weight: 1 })));
    rings.set(name, ring);
  }
  return reals[ring[flowSlot(packet)]! - 1]!;
}
