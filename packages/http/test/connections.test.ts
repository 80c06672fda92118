/** What bounds the connections of clients. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { ConnectionRate } from '../src/server/connection-rate.js';
import { Connections } from '../src/server/connections.js';

/** How many of so many connections at a moment are admitted. */
function admitted(rate: ConnectionRate, address: string, count: number, nowMs: number): number {
  return Array.from({ length: count }, () => rate.admits(address, nowMs)).filter(Boolean).length;
}

describe('the rate of connections', () => {
  it('an address has its share, and twice that after a quiet time', () => {
    const rate = new ConnectionRate({ perAddress: 20, total: 100 });
    assert.equal(admitted(rate, 'a', 100, 0), 40);
    assert.equal(admitted(rate, 'a', 100, 100), 2);
    assert.equal(admitted(rate, 'a', 100, 1100), 20);
    assert.equal(admitted(rate, 'a', 100, 100_000), 40);
  });

  it('all addresses together have theirs, and one that is refused takes nothing of it', () => {
    const rate = new ConnectionRate({ perAddress: 20, total: 50 });
    assert.equal(admitted(rate, 'a', 10_000, 0), 40);
    assert.equal(admitted(rate, 'b', 100, 0), 40);
    assert.equal(admitted(rate, 'c', 100, 0), 20);
    assert.equal(admitted(rate, 'd', 100, 0), 0);
    assert.equal(admitted(rate, 'd', 100, 500), 25);
  });
});

describe('connections', () => {
  it('those beyond the limit of an address end at once, and others when all are ended', async () => {
    const connections = new Connections();
    const server = createServer().listen(0, '127.0.0.1');
    connections.follow(server, 2);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const open = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    const sockets = [await open(), await open()];
    const third = await open();
    await once(third, 'close');
    assert.deepEqual(
      sockets.map(({ closed }) => closed),
      [false, false],
    );
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    const ended = once(server, 'close');
    server.close();
    connections.end();
    await Promise.all([closed, ended]);
    assert.equal(server.listening, false);
  });
});
