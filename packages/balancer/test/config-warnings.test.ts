/** Warnings about configurations that can be used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loginOf } from '../src/config/host-view.js';
import { ConfigError, checkConfig, parseConfig, thisHost } from '../src/config/index.js';
import type { HostView } from '../src/config/warnings.js';

const host: HostView = {
  addresses: ['192.0.2.9', '2001:db8::9'],
  networks: ['192.0.2.9/24', '2001:db8::9/64'],
  login: { address: '192.0.2.9', port: 22 },
  device: () => undefined,
  isProgram: (path) => path === '/bin/true',
  secretProblem: (path) => (path === '/etc/key' ? undefined : `${path} is not there`),
};

/** The warnings about a VIP, with their places. */
function found(vip: string, more = ''): string[] {
  const text = `interface: eth0\nvips:\n- {${vip}}\n${more}`;
  return checkConfig(text)
    .warnings(host)
    .map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const real = 'reals: [{address: 10.0.0.1}]';
const tcp = 'port: 80, protocol: tcp';

test('a usual file has no warnings', () => {
  assert.deepEqual(found(`address: 198.51.100.1, ${tcp}, ${real}`, 'onChange: [/bin/true]\n'), []);
});

for (const [vip, expected] of [
  [`address: 0.0.0.0/0, ${tcp}, ${real}`, /^3:13 0\.0\.0\.0\/0 is every address/],
  [`address: '::/0', ${tcp}, reals: [{address: 'fd00::1'}]`, /^3:13 ::\/0 is every address/],
  [`address: 127.0.0.1, ${tcp}, ${real}`, /^3:13 127\.0\.0\.1 is a loopback address/],
  [`address: 239.1.0.0/16, ${tcp}, ${real}`, /^3:13 .* is a multicast address/],
  [`address: 192.0.2.9, ${tcp}, ${real}`, /^3:13 192\.0\.2\.9 is an address of this host/],
  [`address: 192.0.2.0/24, ${tcp}, ${real}`, /^3:13 192\.0\.2\.9 is an address of this host/],
  [`address: 10.0.0.0/24, ${tcp}, ${real}`, /^3:13 10\.0\.0\.1 is also a real/],
  [`address: 10.0.0.1, ${tcp}, ${real}`, /^3:13 10\.0\.0\.1 is also a real/],
  [`address: 10.0.0.1/32, ${tcp}, ${real}`, /^3:13 10\.0\.0\.1 is also a real/],
  [`address: 'fd00::1', ${tcp}, reals: [{address: 'fd00:0::1'}]`, /^3:13 fd00:0::1 is also a real/],
  [
    `address: 198.51.100.1, ${tcp}, reals: [{address: 224.0.0.1}]`,
    /224\.0\.0\.1 is a multicast address: no real/,
  ],
  [`address: 198.51.100.1, ${tcp}, reals: [{address: 0.0.0.0}]`, /no address of a host/],
  [`address: 198.51.100.1, ${tcp}, reals: [{address: 255.255.255.255}]`, /no unicast address/],
  [`address: 198.51.100.1, ${tcp}, reals: [{address: 10.0.0.1, weight: 0}]`, /all weights are 0/],
  [`address: 198.51.100.1, ${tcp}, reals: [{address: 10.0.0.1, local: true}]`, /lacks the flag local/],
  [`address: 198.51.100.1, ${tcp}, forwarding: direct, ${real}`, /10\.0\.0\.1 is on no network of this host/],
  [
    `address: 198.51.100.1, ${tcp}, forwarding: direct, reals: [{address: 192.0.2.7}, {address: 'fd00::7'}]`,
    /^3:\d+ fd00::7 is on no network of this host/,
  ],
  [`address: 198.51.100.1, ${tcp}, flags: [local], ${real}`, /none of its reals is local/],
  [`address: 198.51.100.1, ${tcp}, ${real}, onChange: [announce]`, /announce is no absolute path/],
  [`address: 198.51.100.1, ${tcp}, ${real}, onChange: [/no/such]`, /\/no\/such is not there/],
] as const) {
  test(`a warning matches ${expected.source}`, () => {
    const all = found(vip);
    assert.equal(all.length, 1, all.join('\n'));
    assert.match(all[0]!, expected);
  });
}

test('the port of the own login is found, by itself and among all ports', () => {
  const own = 'address: 192.0.2.9, protocol: tcp, flags: [local], reals: [{address: 192.0.2.9, local: true}]';
  assert.match(found(`${own}, port: 22`)[0]!, /^3:\d+ you are logged in through 192\.0\.2\.9 port 22/);
  assert.match(found(`${own}, port: 0`)[0]!, /you are logged in/);
  assert.deepEqual(found(`${own}, port: 23`), []);
  assert.deepEqual(loginOf('198.51.100.7 50000 2001:db8::9%eth0 22'), { address: '2001:db8::9', port: 22 });
  assert.equal(loginOf(undefined), undefined);
});

test('devices have warnings at their place in the file', () => {
  const text = `interface: eth0\nmode: generic\nvips:\n- {address: 198.51.100.1, ${tcp}, ${real}}\n`;
  const device = () => ({ mtu: 1600, gro: true, lro: false, driver: 'ena' });
  const [warning, ...more] = checkConfig(text).warnings({ ...host, device });
  assert.match(`${warning!.line}:${warning!.column} ${warning!.message}`, /^1:12 eth0 has XDP .*gro off"$/);
  assert.deepEqual(more, []);
});

test('this host is seen without privileges', () => {
  const { addresses, isProgram, secretProblem } = thisHost();
  assert.ok(addresses.includes('127.0.0.1'));
  assert.deepEqual(
    [isProgram(process.execPath), isProgram('/'), isProgram('/etc/passwd')],
    [true, false, false],
  );
  assert.match(secretProblem('/no/such/key') ?? '', /is not there$/);
  assert.match(secretProblem('/etc/passwd') ?? '', /can be read or written by others$/);
  assert.match(secretProblem('/etc') ?? '', /is no regular file$/);
});

test('a key file for shared flows that is not there has a warning', () => {
  const sync = (path: string) =>
    `sync: {listen: '10.0.0.1:8850', peers: ['10.0.0.2:8850'], keyFile: ${path}}\n`;
  const vip = `address: 198.51.100.1, ${tcp}, ${real}`;
  assert.deepEqual(found(vip, sync('/etc/key')), []);
  const [warning, ...more] = found(vip, sync('/no/such'));
  assert.match(warning!, /^4:\d+ keyFile: \/no\/such is not there: the balancer will not start$/);
  assert.deepEqual(more, []);
});

test('a file that is no text is one problem', () => {
  assert.throws(
    () => parseConfig(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 10, 9, 0]).toString(), 'f'),
    (error: ConfigError) => error instanceof ConfigError && error.lines.length === 1,
  );
});
