/** Settings from options: checks and defaults, without a kernel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import type { BalancerOptions } from '../src/index.js';
import { ranges } from '../src/limits.js';
import { type BalancerSettings, parseOptions } from '../src/settings.js';

const parse = (options: BalancerOptions): BalancerSettings =>
  parseOptions(
    options,
    () => [0, 1, 2, 3],
    () => [0, 1, 2, 3],
  );

describe('settings', () => {
  it('settings have defaults for numbers that are not given', () => {
    const { maxFrame, icmpMtu, fallbackFlows, newFlowLimit, maxReals, maxSourceRoutes, maxGlobalFlows } =
      parse({});
    assert.deepEqual(
      { maxFrame, icmpMtu, fallbackFlows, newFlowLimit, maxReals, maxSourceRoutes, maxGlobalFlows },
      {
        maxFrame: 1514,
        icmpMtu: 1500,
        fallbackFlows: 1024,
        newFlowLimit: 125_000,
        maxReals: 16_384,
        maxSourceRoutes: 65_536,
        maxGlobalFlows: 65_536,
      },
    );
  });

  it('settings have switches that are off by default', () => {
    const { callsNext, forgetFlows, tcpServerIds, inlineDecapsulation, gue, nat, pin } = parse({});
    assert.deepEqual(
      [callsNext, forgetFlows, tcpServerIds, inlineDecapsulation],
      [false, false, false, false],
    );
    assert.deepEqual(gue, { used: false, port: 0xc017, source4: undefined, source6: undefined });
    assert.deepEqual([nat, pin], [undefined, undefined]);
  });

  it('each forwarding CPU gets its part of the flows, by default every online CPU', () => {
    assert.deepEqual(parse({}).cpus, [0, 1, 2, 3]);
    assert.equal(parse({}).flows, null);
    assert.equal(parse({}).bucketsPerCpu, Math.ceil((8_000_000 * 2) / 6 / 4));
    assert.equal(parse({ flows: 300 }).bucketsPerCpu, 25);
    assert.deepEqual(parse({ flows: 300, cpus: [1, 1] }).cpus, [1]);
    assert.equal(parse({ flows: 300, cpus: [1, 1] }).bucketsPerCpu, 100);
  });

  it('the online CPUs are read only if the option cpus is absent', () => {
    parseOptions({ cpus: [0] }, () => assert.fail('asked'));
    assert.throws(() => parse({ cpus: [0, 4] }), /this machine has no CPU 4; its CPUs are 0 to 3/);
  });

  it('the number of slots for server ids is a power of two', () => {
    assert.equal(parse({ maxServerIds: 100 }).serverIdSlots, 512);
    assert.equal(parse({}).serverIdSlots, 262_144);
  });

  it("settings have times in ticks of the program's clock", () => {
    assert.equal(parse({}).udpIdleTicks, 1788);
    assert.equal(parse({ udpIdleSeconds: 0.02 }).udpIdleTicks, 1);
  });

  it('a device without its own next hop has the common one', () => {
    const { devices, nextHop } = parse({
      interface: 'a',
      interfaces: ['b', { name: 'c', router: '192.0.2.1' }, { name: 'd', routerMac: '02:00:00:00:00:04' }],
      routerMac: '02:00:00:00:00:01',
    });
    assert.deepEqual(devices, [
      { name: 'a', routerMac: '02:00:00:00:00:01' },
      { name: 'b', routerMac: '02:00:00:00:00:01' },
      { name: 'c', router: '192.0.2.1' },
      { name: 'd', routerMac: '02:00:00:00:00:04' },
    ]);
    assert.deepEqual(nextHop, { routerMac: '02:00:00:00:00:01' });
  });

  it('a device with its own next hop has it behind itself, unless it names another device', () => {
    const { devices } = parse({
      interfaces: [
        'a',
        'b',
        { name: 'c', router: '192.0.2.1' },
        { name: 'd', router: '192.0.2.2', routerInterface: 'a' },
      ],
      routerInterface: 'b',
    });
    assert.deepEqual(devices, [
      { name: 'a', routerInterface: 'b' },
      { name: 'b' },
      { name: 'c', router: '192.0.2.1' },
      { name: 'd', router: '192.0.2.2', routerInterface: 'a' },
    ]);
  });

  it("the host's routes lead translated packets if packets come from a device", () => {
    const nat = { sources: ['192.0.2.77'] };
    const chain = { map: '/sys/fs/bpf/chain', index: 0 };
    const usesRoutes = (options: BalancerOptions) => parse({ ...options, nat }).nat?.usesRoutes;
    assert.equal(usesRoutes({}), false);
    assert.equal(usesRoutes({ interface: 'a' }), true);
    assert.equal(usesRoutes({ chain, pin: 'a' }), true);
    assert.equal(parse({ interface: 'a', nat: { ...nat, nextHop: 'router' } }).nat?.usesRoutes, false);
  });

  it('each source has translation slots for TCP and UDP, IPv4 first', () => {
    const { nat } = parse({ nat: { sources: ['fd00::7', '192.0.2.7', '192.0.2.8'], ports: [100, 109] } });
    const { firstPort, ports, first, count, slots, name } = nat!;
    assert.deepEqual([firstPort, ports, slots], [100, 10, 60]);
    assert.deepEqual(first, [0, 20, 40, 50]);
    assert.deepEqual(count, [20, 20, 10, 10]);
    assert.equal(name, '192.0.2.7 192.0.2.8 fd00::7 100+10 by hash');
  });
});

describe('options that make no sense', () => {
  const chain = { map: '/sys/fs/bpf/chain', index: 0 };
  const nat = { sources: ['192.0.2.77'] };
  const numbers = Object.entries(ranges).flatMap(([name, { least, most }]) =>
    [least - 1, most + 1, least + 0.5, Number.NaN].map((value) => ({ [name]: value })),
  );
  const wrong: BalancerOptions[] = [
    ...numbers,
    { udpIdleSeconds: 0 },
    { udpIdleSeconds: Number.NaN },
    { cpus: [] },
    { cpus: [-1] },
    { mode: 'fast' as 'native' },
    { routerMac: '02:00:00:00:00' },
    { interfaces: [{ name: 'a', routerMac: 'none' }] },
    { interface: 'a', interfaces: ['a'] },
    { chain },
    { chain, pin: 'a', interface: 'b' },
    { gue: { source4: 'fd00::1' } },
    { gue: { source6: '10.0.0.1' } },
    { gue: { port: 65_536 } },
    { gue: { source4: '10.0.0' } },
    { router: 'none' },
    { nat: { sources: ['192.0.2.0/24'] } },
    { nat: { sources: [] } },
    { nat: { sources: ['192.0.2.77', '192.0.2.77'] } },
    { nat: { ...nat, ports: [5, 4] } },
    { nat: { ...nat, ports: [0, 4] } },
    { nat: { ...nat, tcpClosedSeconds: 0 } },
  ];
  for (const options of wrong) {
    it(`options that make no sense are refused: ${JSON.stringify(options)}`, () => {
      assert.throws(() => parse(options), OptionError);
    });
  }
});
