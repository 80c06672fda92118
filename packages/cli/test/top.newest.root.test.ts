/** `weir top` as other programs read it: from real traffic to what it prints, to the byte. */
import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { JsonFrame } from '../src/top/frame-json.js';
import { runWeir, WeirProcess } from './support/command.js';
import { assertNothingLeft, existingObjects } from './support/kernel-objects.js';

const netns = statSync('/proc/self/ns/net').ino;
const mine = ['--netns', String(netns), '--filter', `pid:${process.pid}`];

let server: Server;
let udpServer: UdpSocket;
let udpClient: UdpSocket;
const clients: Socket[] = [];
/** By the client's port: what it sends. The server sends ten times as much. */
const sizes = new Map<number, number>();

before(async () => {
  server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        for (let copy = 0; copy < 10; copy++) socket.write(chunk);
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const size of [0, 1, 12_345, 300_001]) {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    clients.push(client);
    await once(client, 'connect');
    sizes.set(client.localPort!, size);
    let received = 0;
    const whole = new Promise<void>((resolve) => {
      client.on('data', (chunk) => {
        received += chunk.length;
        if (received === 10 * size) resolve();
      });
      if (size === 0) resolve();
    });
    client.write(Buffer.alloc(size));
    await whole;
  }
  udpServer = createSocket('udp4').bind(0, '127.0.0.1');
  udpClient = createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(udpServer, 'listening'), once(udpClient, 'listening')]);
});

after(() => {
  for (const client of clients) client.destroy();
  server.close();
  udpServer.close();
  udpClient.close();
});

/** The lines that it prints, until one shows what is looked for. */
async function* frames(weir: WeirProcess): AsyncGenerator<JsonFrame> {
  for await (const line of createInterface({ input: weir.child.stdout as Readable })) {
    yield JSON.parse(line) as JsonFrame;
  }
}

describe('weir top', () => {
  it('shows with --once --json connections from before the start, with their process, to the byte', async () => {
    const before = existingObjects();
    const { status, stdout, stderr } = await runWeir([
      'top',
      '--once',
      '--json',
      '--interval',
      '100ms',
      ...mine,
    ]);
    assert.deepEqual([status, stderr], [0, '']);
    const { connections, listeners, lost } = JSON.parse(stdout) as JsonFrame;
    const { port } = server.address() as AddressInfo;
    assert.deepEqual(lost, { ring: 0, map: 0, probe: 0, missed: 0, datagrams: 0 });
    assert.equal(connections.length, 2 * sizes.size, stdout);
    for (const [client, size] of sizes) {
      const sent = connections.find(({ local }) => local.port === client)!;
      const served = connections.find(({ peer }) => peer.port === client)!;
      assert.deepEqual([sent.bytes_sent, sent.bytes_received], [size, 10 * size], stdout);
      assert.deepEqual([served.bytes_sent, served.bytes_received], [10 * size, size]);
      for (const end of [sent, served]) {
        assert.deepEqual([end.process?.pid, end.process?.executable], [process.pid, process.execPath]);
        assert.deepEqual([end.state, end.netns, end.network.transport], ['established', netns, 'tcp']);
      }
      assert.equal(sent.peer.port, port);
    }
    const listener = listeners.find(
      ({ local, network }) => local.port === port && network.transport === 'tcp',
    );
    assert.deepEqual([listener?.process?.pid, listener?.uid], [process.pid, process.getuid!()]);
    assert.ok(listeners.some(({ local }) => local.port === udpServer.address().port));
    await assertNothingLeft(before);
  });

  it('shows with --json UDP flows, rates, and connections that end between two refreshes', async () => {
    using weir = new WeirProcess(['top', '--json', '--interval', '100ms', ...mine]);
    const { port } = udpServer.address();
    let lines = 0;
    let wasRated = false;
    for await (const { connections, totals } of frames(weir)) {
      if (lines++ === 0) {
        for (let count = 0; count < 3; count++) udpClient.send(Buffer.alloc(100), port, '127.0.0.1');
        const short = connect((server.address() as AddressInfo).port, '127.0.0.1');
        short.end(Buffer.alloc(777)).resume();
        await once(short, 'close');
      }
      const flow = connections.find(({ network, peer }) => network.transport === 'udp' && peer.port === port);
      wasRated ||= (flow?.send_rate ?? 0) > 0;
      const isShown =
        flow?.bytes_sent === 300 && flow.packets_sent === 3 && flow.process?.pid === process.pid;
      // Both ends of the short one; other programs of this namespace may have some, too.
      if (isShown && wasRated && totals.connected >= 1 && totals.bytes_sent >= 777 * 11) break;
      assert.ok(lines < 200, JSON.stringify({ flow, totals }));
    }
    await weir.end('SIGTERM');
  });
});
