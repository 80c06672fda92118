/** The connection id: the same at both ends of a connection, and no other connection's. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { kernelAtLeast } from '@weir/ebpf';
import type { ConnectionRecord, TraceRecord } from '../src/index.js';
import { recordsOf, runCase } from './support/cases.js';
import { assertComplete, collect } from './support/collect.js';
import { TestNetns } from './support/netns.js';
import { Talk } from './support/talk.js';

const CLIENT = '10.9.0.2';
const FRONT = '10.9.0.1';
const BACK = '10.8.0.1';
const SERVER = '10.8.0.2';

/** Rewrites the destination of connections to the router, and their source. */
const rules = `table ip weir {
  chain before { type nat hook prerouting priority -100; tcp dport 80 dnat to ${SERVER}:8080; }
  chain after { type nat hook postrouting priority 100; ip daddr ${SERVER} masquerade; }
}`;

function join(
  router: TestNetns,
  end: TestNetns,
  device: string,
  routerAddress: string,
  address: string,
): void {
  router.ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth', 'netns', end.name);
  router.ip('addr', 'add', `${routerAddress}/24`, 'dev', device);
  router.ip('link', 'set', device, 'up');
  end.ip('addr', 'add', `${address}/24`, 'dev', 'eth');
  end.ip('link', 'set', 'eth', 'up');
}

function nft(netns: TestNetns, input: string): void {
  const args = ['netns', 'exec', netns.name, 'nft', '-f', '-'];
  execFileSync('ip', args, { input, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Whether a process has a socket in TCP_SYN_SENT in its network namespace. */
function isConnecting(pid: number): boolean {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  return lines.some((line) => line.trim().split(/ +/)[3] === '02');
}

const isEstablished = (record: TraceRecord): record is ConnectionRecord =>
  record.event === 'connect' || record.event === 'accept' || record.event === 'close';

/** The events of one side by connection id. */
function byId(records: readonly TraceRecord[], netns: number): Record<string, string[]> {
  const events: Record<string, string[]> = {};
  for (const record of records) {
    if (!isEstablished(record) || record.netns !== netns) continue;
    const id = idOf(record);
    events[id] = [...(events[id] ?? []), record.event];
  }
  return events;
}

function idOf(record: ConnectionRecord): string {
  const id = record.event === 'fail' ? undefined : record.connection_id;
  assert.match(id ?? 'absent', /^[0-9a-f]{16}$/, JSON.stringify(record));
  return id!;
}

/** What the records of one side must be, for ids found at the other. */
function expected(ids: readonly string[], ...events: string[]): Record<string, string[]> {
  return Object.fromEntries(ids.map((id) => [id, events]));
}

describe('the connection id', () => {
  it('is the same at both ends through DNAT and masquerade, and differs between connections', async () => {
    using router = new TestNetns();
    using client = new TestNetns();
    using server = new TestNetns();
    join(router, client, 'front', FRONT, CLIENT);
    join(router, server, 'back', BACK, SERVER);
    router.sysctl('net/ipv4/ip_forward', 1);
    nft(router, rules);
    using talk = new Talk(server, client);
    const filter = { netns: [client.inode, server.inode] };
    const collected = await collect({ filter }, async () => {
      await talk.listen(SERVER, 8080);
      await talk.connect(FRONT, 80, [21_001, 21_002, 21_003]);
    });
    const outbound = byId(collected.records, client.inode);
    const ids = Object.keys(outbound);
    assert.equal(ids.length, 3, JSON.stringify(collected.records));
    assert.deepEqual(outbound, expected(ids, 'connect', 'close'));
    assert.deepEqual(byId(collected.records, server.inode), expected(ids, 'accept', 'close'));
    const [accept] = collected.records.filter(({ event }) => event === 'accept');
    assert.ok(accept?.event === 'accept' && accept.peer.address === BACK, 'the source was translated');
    assertComplete(collected);
  });

  it('is the same at both ends where the SYN carries data (TCP Fast Open)', async () => {
    using netns = new TestNetns();
    netns.sysctl('net/ipv4/tcp_fastopen', 0x607);
    const collected = await collect({ filter: { netns: [netns.inode] } }, () => runCase(netns, 'deferred'));
    assert.equal(collected.result.length, 2);
    const ids = new Set<string>();
    for (const made of collected.result) {
      const outbound = recordsOf(collected.records, made.client, made.server);
      const inbound = recordsOf(collected.records, made.server, made.client);
      assert.deepEqual([...outbound, ...inbound].map(({ event }) => event).sort(), [
        'accept',
        ...['close', 'close', 'connect'],
      ]);
      const own = new Set([...outbound, ...inbound].map(idOf));
      assert.equal(own.size, 1, JSON.stringify(collected.records));
      for (const id of own) ids.add(id);
    }
    assert.equal(ids.size, 2);
    assertComplete(collected);
  });

  it('is that of both numbers where a socket connects to itself', async () => {
    using netns = new TestNetns();
    const collected = await collect({ filter: { netns: [netns.inode] } }, () => runCase(netns, 'self'));
    const self = collected.records.filter(
      (record): record is ConnectionRecord => isEstablished(record) && record.local.port === record.peer.port,
    );
    assert.ok(self.length > 0, JSON.stringify(collected.records));
    for (const record of self) {
      const id = idOf(record);
      assert.equal(id.slice(0, 8), id.slice(8), 'there is only one initial sequence number');
    }
  });

  it('is the same at both ends that connect to each other at once', async () => {
    using left = new TestNetns();
    using right = new TestNetns();
    join(left, right, 'eth', FRONT, CLIENT);
    const ends = [left, right];
    const filter = { netns: ends.map(({ inode }) => inode) };
    using toRight = new Talk(right, left);
    using toLeft = new Talk(left, right);
    // Each SYN is sent again after a second, and meets a socket that connects.
    for (const end of ends)
      nft(end, 'table ip gate { chain in { type filter hook input priority 0; policy drop; }; }');
    const collected = await collect({ filter }, async () => {
      const connects = [toRight.connect(CLIENT, 22_000, [22_000]), toLeft.connect(FRONT, 22_000, [22_000])];
      while (![toRight, toLeft].every(({ clientPid }) => isConnecting(clientPid))) await sleep(5);
      for (const end of ends) nft(end, 'delete table ip gate');
      await Promise.all(connects);
    });
    const [id, ...others] = Object.keys(byId(collected.records, left.inode));
    assert.deepEqual(others, []);
    for (const { inode } of ends)
      assert.deepEqual(byId(collected.records, inode), { [id!]: ['connect', 'close'] });
    assertComplete(collected);
  });

  it('is found at the end of a connection from before the start', async (t) => {
    if (!kernelAtLeast('5.8')) return t.skip('needs the walk over existing sockets (Linux 5.8 and later)');
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    client.write('hello');
    await once(client, 'data');
    const collected = await collect({ filter: { ports: [{ from: port, to: port }] } }, async () => {
      client.end();
      await once(client, 'close');
      server.close();
      await once(server, 'close');
      await sleep(100);
    });
    const ids = collected.records.filter(isEstablished).map(idOf);
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
  });
});
