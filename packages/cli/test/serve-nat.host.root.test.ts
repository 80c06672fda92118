/** Both ends of a connection in one history, with a router in between that rewrites both addresses. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { runClient, startListener } from './support/talker.js';

const COUNT = 20;
const CLIENT = '10.9.0.2';
const FRONT = '10.9.0.1';
const BACK = '10.8.0.1';
const SERVER = '10.8.0.2';
const rules = `table ip weir {
  chain before { type nat hook prerouting priority -100; tcp dport 80 dnat to ${SERVER}:8080; }
  chain after { type nat hook postrouting priority 100; ip daddr ${SERVER} masquerade; }
}`;

function ip(netns: TestNetns, ...args: readonly string[]): void {
  execFileSync('ip', ['-n', netns.name, ...args]);
}

function join(router: TestNetns, end: TestNetns, device: string, near: string, far: string): void {
  ip(router, 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth', 'netns', end.name);
  ip(router, 'addr', 'add', `${near}/24`, 'dev', device);
  ip(router, 'link', 'set', device, 'up');
  ip(end, 'addr', 'add', `${far}/24`, 'dev', 'eth');
  ip(end, 'link', 'set', 'eth', 'up');
}

function run(netns: TestNetns, input: string, ...command: readonly string[]): void {
  const args = ['netns', 'exec', netns.name, ...command];
  execFileSync('ip', args, { input, stdio: ['pipe', 'ignore', 'inherit'] });
}

it('weir serve remembers both ends of a connection through DNAT and masquerade with one id', async () => {
  using router = new TestNetns();
  using client = new TestNetns();
  using server = new TestNetns();
  join(router, client, 'front', FRONT, CLIENT);
  join(router, server, 'back', BACK, SERVER);
  run(router, '', 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
  run(router, rules, 'nft', '-f', '-');
  using serve = new KilledServe(client, { more: ['--netns', server.name] });
  await serve.ready();
  using _listener = await startListener(server, SERVER, 8080);
  await runClient(client, 'once', FRONT, '80', `${COUNT}`);
  await sleep(500);
  await using history = await serve.history();
  const rows = await history.read((session) =>
    session.query(
      `SELECT c.peer_address, c.peer_port, s.local_address, s.local_port, s.peer_address, c.bytes_sent, s.bytes_received
       FROM ${session.source('ends')} c JOIN ${session.source('ends')} s USING (connection_id)
       WHERE c.direction = 'outbound' AND s.direction = 'inbound' ORDER BY c.bytes_sent`,
    ),
  );
  assert.deepEqual(
    rows.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value))),
    Array.from({ length: COUNT }, (_, index) => [FRONT, 80, SERVER, 8080, BACK, 100 + index, 100 + index]),
  );
  const [[ids, ends]] = (await history.read((session) =>
    session.query(`SELECT count(DISTINCT connection_id), count(*) FROM ${session.source('ends')}`),
  )) as [[bigint, bigint]];
  assert.deepEqual([ids, ends], [BigInt(COUNT), BigInt(2 * COUNT)]);
});
