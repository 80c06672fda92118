/** The longest frames, and what is wrong with devices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitsOf } from '../src/config/convert.js';
import { parseConfig } from '../src/config/index.js';
import { deviceAdvice, devicesAdvice, type SeenDevice } from '../src/device/device-advice.js';
import { deviceFeatures } from '../src/device/device-features.js';
import { frameLimits, tunnelBytes } from '../src/device/frame-limits.js';

const gue = 'encapsulation: {gue: {source4: 192.0.2.1, source6: "2001:db8::1"}}';

function file(real: string, more = '', vip = '') {
  return parseConfig(`interface: eth0
vips: [{address: 198.51.100.1, port: 80, protocol: tcp, reals: [{address: '${real}'}]${vip}}]
${more}
`);
}

const over4 = file('10.0.0.1');
const over6 = file('fd00::1');
const nat = file('10.0.0.1', 'nat: {sources: [192.0.2.7]}', ', forwarding: nat');

test('outer headers follow from encapsulation and reals', () => {
  assert.deepEqual(
    [over4, over6, file('10.0.0.1', gue), file('fd00::1', gue), nat].map(tunnelBytes),
    [20, 40, 28, 48, 0],
  );
});

test('frames fit into the smallest MTU with their outer headers, and the announced MTU follows', () => {
  assert.deepEqual(frameLimits(over4, [1500]), { maxFrame: 1494, icmpMtu: 1480 });
  assert.deepEqual(frameLimits(over6, [9000, 1500]), { maxFrame: 1474, icmpMtu: 1460 });
  assert.deepEqual(frameLimits(over4, [1520]), { maxFrame: 1514, icmpMtu: 1500 });
  assert.deepEqual(frameLimits(nat, [1500]), { maxFrame: 1514, icmpMtu: 1500 });
  assert.deepEqual(frameLimits(over4, [65_536]), { maxFrame: 9014, icmpMtu: 9000 });
  assert.deepEqual(frameLimits(over4, [576]), { maxFrame: 1294, icmpMtu: 1280 });
  assert.deepEqual(frameLimits(over4, []), { maxFrame: 1514, icmpMtu: 1500 });
});

test('limits in the file stay', () => {
  const set = file('10.0.0.1', 'options: {maxFrame: 1514}');
  assert.deepEqual(frameLimits(set, [1500]), { maxFrame: 1514, icmpMtu: 1500 });
  const silent = file('10.0.0.1', 'options: {icmpMtu: 0}');
  assert.deepEqual(frameLimits(silent, [1500]), { maxFrame: 1494, icmpMtu: 0 });
});

const device: SeenDevice = { name: 'eth0', mtu: 1600, gro: true, lro: false, driver: 'ena', mode: 'native' };

test('a device that fits has no advice', () => {
  assert.deepEqual(deviceAdvice(device, over4, 1514), []);
  assert.deepEqual(deviceAdvice({ ...device, mtu: 1500 }, nat, 1514), []);
});

test('advice names the command that mends the device', () => {
  for (const [changed, maxFrame, expected] of [
    [{ mtu: 1500 }, 1514, /those are lost: "ip link set eth0 mtu 1520" .* options: {maxFrame: 1494}$/],
    [{ mtu: 1500 }, 1494, /packets of clients over 1480 bytes are answered with "too big"/],
    [{ lro: true }, 1514, /"ethtool -K eth0 lro off"$/],
    [{ mode: 'generic' }, 1514, /"ethtool -K eth0 gro off"$/],
    [{ driver: 'veth' }, 1514, /eth0 is a veth with XDP in the driver/],
  ] as const) {
    const advice = deviceAdvice({ ...device, ...changed }, over4, maxFrame);
    assert.equal(advice.length, 1);
    assert.match(advice[0]!, expected);
  }
});

test('devices by which packets leave have advice of their own', () => {
  const routed = file('10.0.0.1', 'routerInterface: eth1');
  const features = { mtu: 1500, gro: true, lro: true, driver: 'ena' };
  const advice = (exit: Partial<SeenDevice>, mode?: 'native' | 'generic') =>
    devicesAdvice(
      routed,
      1514,
      (name) => (name === 'eth1' ? { ...features, ...exit } : features),
      (name) => (name === 'eth0' ? mode : undefined),
    ).map(({ name, message }) => `${name}: ${message}`);
  const lro =
    'eth0: eth0 merges received packets (LRO), which cannot be forwarded: "ethtool -K eth0 lro off"';
  assert.deepEqual(advice({ mtu: 1520, takesRedirected: true }), [lro]);
  assert.match(advice({ takesRedirected: true })[1]!, /^eth1: eth1 has an MTU of 1500, but packets become/);
  const [, lost] = advice({ mtu: 1520, takesRedirected: false }, 'native');
  assert.match(lost!, /^eth1: eth1 \(ena\) cannot send what XDP in another driver redirects/);
  assert.match(advice({ mtu: 1520, driver: 'veth' }, 'native')[1]!, /^eth1: eth1 is a veth: it sends/);
  assert.equal(advice({ mtu: 1520, takesRedirected: false }, 'generic').length, 2, 'GRO and LRO of eth0');
});

test('frames fit into the MTU of the device by which they leave', () => {
  assert.deepEqual(exitsOf(file('10.0.0.1', 'routerInterface: eth1')), ['eth1']);
  const several = parseConfig(
    'interfaces: [eth0, {name: eth2, router: 192.0.2.1}, {name: eth3, routerInterface: eth0}]\n' +
      'routerInterface: eth1\nvips: []',
  );
  assert.deepEqual(exitsOf(several), ['eth1', 'eth2', 'eth0']);
});

test('features of devices are read from the kernel', () => {
  const lo = deviceFeatures('lo');
  assert.equal(lo?.mtu, 65_536);
  assert.equal(deviceFeatures('no-such-dev'), undefined);
});
