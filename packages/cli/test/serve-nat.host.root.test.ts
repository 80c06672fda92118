/** Both ends of a connection in one history, with a router in between that rewrites both addresses. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KilledServe } from './support/killed-serve.js';
import { BACK, FRONT, SERVER, TwoHosts } from './support/routers.js';
import { runClient, startListener } from './support/talker.js';

const COUNT = 20;

it('weir serve remembers both ends of a connection through DNAT and masquerade with one id', async () => {
  using hosts = new TwoHosts();
  const { client, server } = hosts;
  using serve = new KilledServe(client, { more: ['--netns', server.name] });
  await serve.ready();
  using _listener = await startListener(server, SERVER, 8080);
  await runClient(client, 'once', FRONT, '80', `${COUNT}`);
  await hosts.ended();
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
