/** Differences between two configurations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, diff, inverse, parseConfig } from '../src/config/index.js';

const base = `
interface: eth0
vips:
  - {name: a, address: 198.51.100.1, port: 80, protocol: tcp, reals: [{address: 10.0.0.1}]}
  - {name: b, address: 2001:db8::1, port: 80, protocol: tcp, reals: [{address: fd00::1}]}
`;
const from = parseConfig(base);

function kinds(changes: readonly Change[]): string[] {
  return changes.map(
    ({ kind, before, after }) =>
      `${kind} ${before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'}`,
  );
}

test('equal configurations have no difference', () => {
  assert.deepEqual(diff(from, parseConfig(`# other words\n${base}`)), { fixed: [], changes: [] });
});

test('VIPs are known by address, port and protocol, and removed last', () => {
  const to = parseConfig(`
interface: eth0
vips:
  - {name: c, address: 198.51.100.2, port: 80, protocol: tcp, reals: [{address: 10.0.0.1}]}
  - {name: renamed, address: '2001:0db8::1', port: 80, protocol: tcp, reals: [{address: fd00::1, weight: 2}]}
`);
  const { fixed, changes } = diff(from, to);
  assert.deepEqual(fixed, []);
  assert.deepEqual(kinds(changes), ['vip added', 'vip changed', 'vip removed']);
});

test('each kind of change has an inverse', () => {
  const to = parseConfig(`${base}
options: {}
serverIds: [{id: 7, real: 10.0.0.1}]
sourceRoutes: [{prefix: 192.0.2.0/24, real: 10.0.0.1}]
globalFlows: [{source: 192.0.2.1, sourcePort: 1, destination: 198.51.100.1, destinationPort: 80, protocol: tcp, real: 10.0.0.1}]
metrics: {listen: 127.0.0.1:9435}
`);
  const { changes } = diff(from, to);
  const expected = ['serverId added', 'sourceRoute added', 'globalFlow added', 'metrics added'];
  assert.deepEqual(kinds(changes), expected);
  assert.deepEqual(changes.map(inverse), diff(to, from).changes);
  const other = parseConfig(`${base}serverIds: [{id: 7, real: 10.0.0.2}]`);
  assert.deepEqual(
    diff(to, other).changes.filter(({ kind }) => kind === 'serverId'),
    [{ kind: 'serverId', id: 7, before: '10.0.0.1', after: '10.0.0.2' }],
  );
});

test('tunnel ends are added and removed', () => {
  const decapsulates = `${base}options: {inlineDecapsulation: true}\n`;
  const ends = (list: string) => parseConfig(`${decapsulates}tunnelEnds: [${list}]`);
  assert.deepEqual(diff(ends("192.0.2.1, '::1'"), ends("'0::1', 192.0.2.2")).changes, [
    { kind: 'tunnelEnd', address: '192.0.2.1', before: true, after: undefined },
    { kind: 'tunnelEnd', address: '192.0.2.2', before: undefined, after: true },
  ]);
});

test('a given next hop can change, a learned one is fixed', () => {
  const [mac, other, learned] = ['02:00:00:00:00:01', '02:00:00:00:00:02', '192.0.2.1'].map((router) =>
    parseConfig(`${base}router: ${router}`),
  );
  assert.deepEqual(diff(mac!, other!), {
    fixed: [],
    changes: [{ kind: 'router', before: '02:00:00:00:00:01', after: '02:00:00:00:00:02' }],
  });
  assert.deepEqual(diff(mac!, learned!).fixed, ['router']);
  assert.deepEqual(diff(from, learned!).fixed, ['router']);
});

test('settings of the start are fixed', () => {
  const to = parseConfig(`${base.replace('eth0', 'eth1')}
mode: generic
encapsulation: {gue: {source4: 192.0.2.1, source6: '2001:db8::2'}}
options: {flows: 10}
control: {group: adm}
`);
  assert.deepEqual(diff(from, to).fixed, [
    'name',
    'interface',
    'mode',
    'encapsulation',
    'control',
    'options.flows',
  ]);
});
