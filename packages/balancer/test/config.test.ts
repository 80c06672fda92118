/** Configuration files: their values, and the problems of those that cannot be used. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  ConfigError,
  jsonSchemaText,
  nextHop,
  parseConfig,
  programOptions,
  serviceOf,
  specOf,
} from '../src/config/index.js';
import { serviceFlags } from '../src/service.js';

/** The problems of a text, each as `LINE:COLUMN: message`. */
function problems(text: string): string[] {
  try {
    parseConfig(text, 'f');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split('\n').map((line) => line.replace(/^f:/, ''));
  }
  return [];
}

const head = 'interface: eth0\n';
const noVips = `${head}vips: []\n`;

/** A file with one VIP that has these lines. */
function vip(...lines: string[]): string {
  return `${head}vips:\n${lines.map((line, index) => `${index === 0 ? '- ' : '  '}${line}\n`).join('')}`;
}
const tcp = ['address: 198.51.100.1', 'port: 80', 'protocol: tcp'];
const real = 'reals: [{address: 10.0.0.1}]';

test('a small file has every default', () => {
  const config = parseConfig(vip(...tcp, real, 'check: {type: http}'));
  assert.deepEqual(config, {
    name: 'eth0',
    interface: 'eth0',
    router: 'auto',
    encapsulation: 'ipip',
    options: {},
    vips: [
      {
        name: '198.51.100.1:80/tcp',
        address: '198.51.100.1',
        port: 80,
        protocol: 'tcp',
        flags: [],
        forwarding: 'tunnel',
        reals: [{ name: '10.0.0.1', address: '10.0.0.1', weight: 1, local: false, down: false }],
        check: {
          type: 'http',
          interval: 5000,
          timeout: 2000,
          rise: 2,
          fall: 3,
          tunnel: false,
          path: '/',
          status: [{ from: 200, to: 399 }],
        },
      },
    ],
    serverIds: [],
    sourceRoutes: [],
    tunnelEnds: [],
    globalFlows: [],
    probes: {},
    control: {},
  });
});

test('a file with every key is read', () => {
  const config = parseConfig(`
name: edge-1
interface: eth0
mode: native
router: 02:00:5e:10:00:01
encapsulation: {gue: {source4: 192.0.2.10, source6: '2001:db8::10', port: 6081}}
options: {flows: 1000, cpus: [0, 1], inlineDecapsulation: true, udpIdleSeconds: 12.5}
vips:
  - name: web
    address: 2001:db8::1
    port: 0
    protocol: udp
    flags: [${serviceFlags.join(', ')}]
    ringVersion: 1
    reals:
      - {name: a, address: fd00::1, weight: 0, down: true}
      - {name: b, address: fd00::2, local: true}
    check: {type: tcp, port: 81, interval: 1.5m, timeout: 500ms, rise: 1, fall: 9, tunnel: true}
    onChange: [/usr/bin/announce, web]
  - address: 198.51.100.0/24
    port: 80
    protocol: tcp
    forwarding: nat
    reals: [{address: 10.0.0.1, port: 8080}]
    check: {type: http, path: /health, host: example.net, status: [204, 301-302], slowStart: 30s}
    agent: {port: 9999, interval: 1s, timeout: 500ms, send: web}
nat: {sources: [192.0.2.77], ports: [20000, 29999], udpIdleSeconds: 60}
serverIds: [{id: 1, real: 10.0.0.1}]
sourceRoutes: [{prefix: 192.0.2.0/24, real: fd00::1}]
tunnelEnds: [198.51.100.7]
globalFlows:
  - {source: 192.0.2.1, sourcePort: 1, destination: 198.51.100.1, destinationPort: 80, protocol: tcp, real: 10.0.0.1}
routes: {table: 100, type: local}
onChange: [/usr/bin/logger, -t, weir]
metrics: {listen: '[::1]:9435'}
control: {socket: /run/edge.sock, group: adm}
`);
  assert.equal(config.vips[0]!.check!.interval, 90_000);
  assert.deepEqual(config.metrics, { listen: { host: '::1', port: 9435 } });
  assert.deepEqual((config.vips[1]!.check as { status: unknown }).status, [
    { from: 204, to: 204 },
    { from: 301, to: 302 },
  ]);
  assert.equal(config.vips[1]!.check!.slowStart, 30_000);
  assert.deepEqual(config.vips[1]!.agent, { port: 9999, interval: 1000, timeout: 500, send: 'web' });
  assert.deepEqual(programOptions(config), {
    gue: { source4: '192.0.2.10', source6: '2001:db8::10', port: 6081 },
    flows: 1000,
    cpus: [0, 1],
    inlineDecapsulation: true,
    udpIdleSeconds: 12.5,
    nat: { sources: ['192.0.2.77'], ports: [20_000, 29_999], udpIdleSeconds: 60 },
  });
  assert.deepEqual(specOf(config.vips[1]!), {
    reals: [{ address: '10.0.0.1', port: 8080, weight: 1, local: false, down: false }],
    flags: [],
    forwarding: 'nat',
  });
  const [first] = config.vips;
  assert.deepEqual(serviceOf(first!), { address: '2001:db8::1', port: 0, protocol: 'udp' });
  assert.deepEqual(specOf(first!), {
    reals: [
      { address: 'fd00::1', weight: 0, local: false, down: true },
      { address: 'fd00::2', weight: 1, local: true, down: false },
    ],
    flags: serviceFlags,
    ringVersion: 1,
  });
});

const cases: readonly (readonly [what: string, text: string, ...expected: string[]])[] = [
  ['nothing', '', '1:1: expected a map'],
  ['a list', '- 1', '1:1: expected a map'],
  ['no YAML', 'a: b: c', '1:4: Nested mappings are not allowed in compact mappings'],
  ['a key twice', `${noVips}vips: []`, '3:1: Map keys must be unique'],
  ['missing keys', 'mode: native', '1:1: vips is missing'],
  ['no device', 'vips: []', '1:1: interface is missing (or interfaces, or chain)'],
  [
    'two kinds of devices, and a duplicate device',
    `${noVips}interfaces: [eth0, {name: eth0}]`,
    '3:13: interfaces: there is already interface, and only one of them can be used',
    '3:20: interface eth0 is listed twice',
  ],
  ['an unknown key', `${noVips}vipps: 1`, '3:1: vipps is not known here; did you mean vips?'],
  [
    'the earlier name of an option',
    `${noVips}options: {toldMtu: 0}`,
    '3:11: toldMtu is not known here: its name is icmpMtu',
  ],
  ['a wrong word', `${noVips}mode: natve`, '3:7: mode: expected native or generic'],
  ['a wrong type', `${head}vips: 3`, '2:7: vips: expected a list'],
  ['an invalid router', `${noVips}router: gw`, '3:9: router: expected a MAC address, an IP address, or auto'],
  [
    'an unknown tunnel',
    `${noVips}encapsulation: vxlan`,
    '3:16: encapsulation: expected ipip or gre or a map',
  ],
  [
    'an option of the tunnel',
    `${noVips}encapsulation: {gue: {source4: '::1'}}`,
    '3:32: source4: expected an IPv4 address such as 192.0.2.1',
  ],
  [
    'an option out of its range',
    `${noVips}options:\n  maxFrame: 9015`,
    '4:13: maxFrame: expected 9014 or less',
  ],
  [
    'a chain with a mode',
    `vips: []\nmode: native\nchain: {map: /sys/fs/bpf/x, index: 1}`,
    '2:7: mode: in a chain, the program that calls the balancer decides it',
  ],
  [
    'a VIP without a valid address',
    vip('address: 198.51.100', 'port: 80', 'protocol: tcp', real),
    '3:12: address: expected an address, or a prefix such as 192.0.2.0/24 or 2001:db8::/32 with no bits set behind it',
  ],
  [
    'bits set behind a prefix',
    vip('address: 198.51.100.1/24', 'port: 80', 'protocol: tcp', real),
    '3:12: address: expected an address, or a prefix such as 192.0.2.0/24 or 2001:db8::/32 with no bits set behind it',
  ],
  [
    'a port out of its range',
    vip('address: 198.51.100.1', 'port: 65536', 'protocol: tcp', real),
    '4:9: port: expected 65535 or less',
  ],
  [
    'a duplicate VIP',
    `${vip(...tcp, real, 'name: a')}- {address: 198.51.100.1, port: 80, protocol: tcp, ${real}}`,
    '8:3: VIP 198.51.100.1:80/tcp is listed twice',
  ],
  [
    'a duplicate name of a VIP',
    `${vip(...tcp, real, 'name: a')}- {address: 198.51.100.1, port: 81, protocol: tcp, name: a, ${real}}`,
    '8:58: another VIP has the name a',
  ],
  ['no reals', vip(...tcp, 'reals: []'), '6:10: reals: expected at least 1'],
  [
    'a duplicate real',
    vip(...tcp, 'reals: [{address: 10.0.0.1}, {address: 10.0.0.1}]'),
    '6:42: real 10.0.0.1 is listed twice',
  ],
  [
    'a duplicate name of a real',
    vip(...tcp, 'reals: [{address: 10.0.0.1}, {address: 10.0.0.2, name: 10.0.0.1}]'),
    '6:58: another real has the name 10.0.0.1',
  ],
  [
    'invalid weights',
    vip(...tcp, 'reals: [{address: 10.0.0.1, weight: 1.5}, {address: 10.0.0.2, weight: -1}]'),
    '6:39: weight: expected a whole number',
    '6:73: weight: expected 0 or more',
  ],
  [
    'a port through a tunnel',
    vip(...tcp, 'reals: [{address: 10.0.0.1, port: 8080}]'),
    "6:37: port: a real's own port needs forwarding: nat, since a tunnel keeps the VIP's port",
  ],
  [
    'NAT between families',
    `${vip(...tcp, 'forwarding: nat', 'reals: [{address: fd00::1}]')}nat: {sources: [192.0.2.77]}`,
    '7:21: real fd00::1: NAT does not change between IPv4 and IPv6',
  ],
  [
    'NAT without sources',
    vip(...tcp, 'forwarding: nat', real),
    '6:15: forwarding: nat needs nat.sources, addresses of the balancer itself',
  ],
  [
    'NAT without a source in the family of the VIP',
    `${vip(...tcp, 'forwarding: nat', real)}nat: {sources: [fd00::77]}`,
    '6:15: forwarding: nat needs an IPv4 address in nat.sources',
  ],
  [
    'NAT with ports in the wrong order',
    `${noVips}nat: {sources: [fd00::77], ports: [2, 1]}`,
    '3:6: nat: ports: the last port is below the first',
  ],
  [
    'NAT to this host',
    `${vip(...tcp, 'forwarding: nat', 'flags: [local]', real)}nat: {sources: [192.0.2.77]}`,
    '7:11: the flag local delivers packets to this host, so it excludes forwarding: nat',
  ],
  [
    'a local real with NAT',
    `${vip(...tcp, 'forwarding: nat', 'reals: [{address: 10.0.0.1, local: true}]')}nat: {sources: [192.0.2.77]}`,
    '7:38: a local real gets packets unchanged, so it cannot have forwarding: nat',
  ],
  [
    'a real that is down without effect',
    vip(...tcp, 'reals: [{address: 10.0.0.1, down: true}]'),
    '6:37: down has an effect only in a VIP with the flag udpMigration; use weight: 0 to drain',
  ],
  [
    'flags that do not fit the VIP',
    vip(...tcp, 'flags: [quic, hashBothPorts]', real),
    '6:11: quic is only for udp VIPs',
    '6:17: hashBothPorts is only for VIPs of all ports (port: 0) or with a prefix',
  ],
  [
    'an unknown type of check',
    vip(...tcp, real, 'check: {type: icmp}'),
    '7:17: type: expected tcp or tls or http or https or grpc or script',
  ],
  [
    'an http option of a tcp check',
    vip(...tcp, real, 'check: {type: tcp, path: /}'),
    '7:22: path is not known here',
  ],
  [
    'an invalid time',
    vip(...tcp, real, 'check: {type: tcp, interval: 5 seconds}'),
    '7:32: interval: expected a time such as 500ms, 5s, 2m, or a number of seconds',
  ],
  [
    'a timeout beyond the interval',
    vip(...tcp, real, 'check: {type: tcp, interval: 1s}'),
    '7:10: timeout: expected no more than the interval',
  ],
  [
    'an invalid status',
    vip(...tcp, real, 'check: {type: http, status: 299-200}'),
    '7:31: status: expected an HTTP status such as 200, or a range such as 200-399',
  ],
  [
    'a check without a port',
    vip('address: 198.51.100.1', 'port: 0', 'protocol: tcp', real, 'check: {type: tcp}'),
    '7:10: port is missing: checks of a VIP of all ports need one',
  ],
  [
    'a check through the tunnel with NAT',
    `${vip(...tcp, 'forwarding: nat', real, 'check: {type: tcp, tunnel: true}')}nat: {sources: [192.0.2.77]}`,
    '8:30: tunnel: VIPs with forwarding: nat have no tunnel',
  ],
  [
    'a check through the tunnel of a prefix',
    vip('address: 198.51.100.0/24', 'port: 80', 'protocol: tcp', real, 'check: {type: tcp, tunnel: true}'),
    '7:30: tunnel: probes need one address, and the VIP is a prefix',
  ],
  [
    'a real that is local in one VIP only',
    `${vip(...tcp, real)}- {address: 198.51.100.1, port: 81, protocol: tcp, reals: [{address: 10.0.0.1, local: true}]}`,
    '7:70: real 10.0.0.1 is not local in another VIP',
  ],
  [
    'GUE without sources',
    `encapsulation: {gue: {}}\n${vip(...tcp, 'reals: [{address: 10.0.0.1}, {address: fd00::1}]')}`,
    '1:22: source4 is missing: there are reals with IPv4',
    '1:22: source6 is missing: there are reals with IPv6',
  ],
  [
    'tunnel ends without decapsulation',
    `${noVips}tunnelEnds: [192.0.2.1]`,
    '3:13: tunnelEnds need options: {inlineDecapsulation: true}',
  ],
  [
    'duplicate entries of tables',
    `${noVips}options: {inlineDecapsulation: true}\nserverIds:\n- {id: 1, real: fd00::1}\n- {id: 1, real: fd00::2}\nsourceRoutes:\n- {prefix: fd00::/8, real: fd00::1}\n- {prefix: 'fd00:0::/8', real: fd00::1}\ntunnelEnds: ['::1', '0::1']`,
    '6:8: server id 1 is listed twice',
    '9:12: prefix fd00:0::/8 is listed twice',
    '10:21: tunnel end 0::1 is listed twice',
  ],
  [
    'an invalid global flow',
    `${noVips}globalFlows:\n- {source: 192.0.2.1, sourcePort: 1, destination: '::1', destinationPort: 1, protocol: tcp, real: 10.0.0.1}`,
    '4:12: 192.0.2.1 and ::1 are of different families',
    '4:99: 10.0.0.1 is not a real of any VIP',
  ],
  [
    'too many reals',
    `options: {maxReals: 2}\n${vip(...tcp, 'reals: [{address: 10.0.0.1}, {address: 10.0.0.2}]')}`,
    '4:1: 2 reals, but maxReals leaves room for 1 only',
  ],
  [
    'a routing table of the kernel',
    `${noVips}routes: {table: 254}`,
    '3:17: table: 253 to 255 belong to the kernel',
  ],
  ['a command', `${noVips}onChange: []`, '3:11: onChange: expected at least 1'],
  ['a command line', `${noVips}onChange: a b`, '3:11: onChange: expected a list'],
  [
    'a metrics address without a port',
    `${noVips}metrics: {listen: 127.0.0.1}`,
    '3:19: listen: expected an address with a port, such as 127.0.0.1:9435 or [::1]:9435',
  ],
  [
    'a relative path of a socket',
    `${noVips}control: {socket: weir.sock}`,
    '3:19: socket: expected an absolute path of at most 107 bytes',
  ],
];

for (const [what, text, ...expected] of cases) {
  test(`a problem is reported with its place: ${what}`, () => assert.deepEqual(problems(text), expected));
}

test('all problems are reported at once, also those of a VIP whose check is not well-formed', () => {
  const text = `mode: x\n${vip(...tcp, 'reals: [{address: 10.0.0.1, port: 1}]', 'check: {type: x}')}`;
  assert.deepEqual(
    problems(text).map((line) => line.split(':')[0]),
    ['1', '7', '8'],
  );
});

test('a problem inside an anchor is reported once, where it is written', () => {
  const text = `${vip(...tcp, 'reals: &reals [{address: 10.0.0.1, weight: x}]')}- address: 198.51.100.1\n  port: 81\n  protocol: tcp\n  reals: *reals\n`;
  assert.deepEqual(problems(text), ['6:46: weight: expected a number']);
  const merged = `${head}vips:\n- &web {address: 198.51.100.1, port: 70000, protocol: tcp, ${real}}\n- <<: *web\n  name: b\n`;
  assert.deepEqual(problems(merged), ['3:38: port: expected 65535 or less']);
});

test('devices may have next hops of their own', () => {
  const { name, interfaces } = parseConfig('interfaces: [eth0.7, {name: eth1, router: 192.0.2.1}]\nvips: []');
  assert.deepEqual(
    [name, interfaces],
    ['eth0-7', [{ name: 'eth0.7' }, { name: 'eth1', router: '192.0.2.1' }]],
  );
  assert.deepEqual(['auto', '192.0.2.1', '02:00:00:00:00:01', undefined].map(nextHop), [
    {},
    { router: '192.0.2.1' },
    { routerMac: '02:00:00:00:00:01' },
    {},
  ]);
});

test('aliases that expand without end are refused', () => {
  const lines = ['a: &a [1,1,1,1,1,1,1,1,1,1]'];
  for (let i = 1; i < 9; i++) {
    const [from, to] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
    lines.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(',')}]`);
  }
  assert.match(problems(lines.join('\n')).join(), /alias/i);
});

test('the published schema is the one by which files are checked', () => {
  const file = readFileSync(new URL('../../weir-balance.schema.json', import.meta.url), 'utf8');
  assert.equal(file, jsonSchemaText(), 'run npm run build:schema');
});

test('sync has defaults, and wrong ways to reach others are found on their line', () => {
  const sync = (text: string) => `${noVips}sync: ${text}\n`;
  const key = 'keyFile: /etc/weir/key';
  const good = parseConfig(sync(`{listen: '10.0.0.1:8850', peers: ['10.0.0.2:8850'], ${key}}`)).sync;
  assert.deepEqual(
    [good?.flows, good?.refresh, good?.rate, good?.mtu, good?.peers],
    [1_000_000, 60_000, 50_000, 1500, [{ host: '10.0.0.2', port: 8850 }]],
  );
  const bad = [
    ['', /^3:\d+: .*either peers or multicast/],
    ["peers: ['[fd00::2]:8850'], ", /^3:\d+: .*one family/],
    ["peers: ['10.0.0.2:0'], ", /^3:\d+: .*a port from 1/],
    ['multicast: {group: 10.0.0.9, interface: 10.0.0.1}, ', /^3:\d+: .*multicast address/],
    ['multicast: {group: 239.255.0.81, interface: eth0}, ', /3:\d+: interface: .*a device such as eth0 for/],
    [
      "multicast: {group: 'ff02::81', interface: 10.0.0.1}, ",
      /3:\d+: interface: .*a device such as eth0 for/,
    ],
    ["multicast: {group: 'ff02::81', interface: eth0}, ", /^3:\d+: .*one family/],
  ] as const;
  for (const [text, message] of bad)
    assert.match(problems(sync(`{listen: '10.0.0.1:8850', ${text}${key}}`)).join('\n'), message, text);
});
