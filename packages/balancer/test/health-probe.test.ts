/** Checks of servers on this machine's loopback. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { completeCheck, type HealthCheck } from '../src/health/check.js';
import { probe } from '../src/health/probe-real.js';
import { certificate, key } from './support/certificate.js';

const servers: Server[] = [];

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function result(port: number, check: HealthCheck) {
  const service = { address: '192.0.2.1', port: 80, protocol: 'tcp' } as const;
  const complete = completeCheck(service, 80, { timeout: 300, ...check, port });
  return probe({ address: '127.0.0.1', check: complete, mark: undefined });
}

describe('a check', () => {
  let http = 0;
  let silent = 0;
  let rude = 0;
  let closed = 0;

  before(async () => {
    const web = createHttpServer(({ url, headers }, response) => {
      if (url === '/host') response.writeHead(headers.host === 'www.example' ? 200 : 404).end();
      else if (url === '/vip') response.writeHead(headers.host === `192.0.2.1:${http}` ? 200 : 404).end();
      else if (url === '/long') response.writeHead(200).write('x'.repeat(1 << 20));
      else response.writeHead(url === '/moved' ? 302 : 503).end('no');
    });
    http = await listening(web);
    silent = await listening(createServer((socket) => socket.on('error', () => {})));
    rude = await listening(createServer((socket) => socket.end('220 \x1b[31m welcome\r\n')));
    const gone = createServer();
    closed = await listening(gone);
    await new Promise((resolve) => gone.close(resolve));
  });
  after(() => {
    for (const server of servers) {
      server.close();
      if ('closeAllConnections' in server)
        (server as ReturnType<typeof createHttpServer>).closeAllConnections();
    }
  });

  it('a TCP check tests only the connection', async () => {
    assert.deepEqual(await result(silent, { type: 'tcp' }), { ok: true, reason: 'connected' });
    assert.deepEqual(await result(closed, { type: 'tcp' }), { ok: false, reason: 'connection refused' });
  });

  it('an HTTP check tests the status', async () => {
    assert.deepEqual(await result(http, { type: 'http', path: '/moved' }), { ok: true, reason: 'HTTP 302' });
    assert.deepEqual(await result(http, { type: 'http' }), {
      ok: false,
      reason: 'HTTP 503, expected 200-399',
    });
    const status = [
      { from: 200, to: 200 },
      { from: 500, to: 599 },
    ];
    assert.equal((await result(http, { type: 'http', status })).ok, true);
  });

  it('an HTTP check sends the given Host header, or the VIP', async () => {
    assert.equal((await result(http, { type: 'http', path: '/host', host: 'www.example' })).ok, true);
    assert.equal((await result(http, { type: 'http', path: '/vip' })).ok, true);
  });

  it('an HTTP check does not wait for the body', async () => {
    assert.equal((await result(http, { type: 'http', path: '/long' })).ok, true);
  });

  it('a check fails without an answer in time, or with an invalid one', async () => {
    assert.deepEqual(await result(silent, { type: 'http' }), {
      ok: false,
      reason: 'no answer within 300 ms',
    });
    assert.deepEqual(await result(rude, { type: 'http' }), { ok: false, reason: 'not HTTP' });
    assert.deepEqual(await result(closed, { type: 'http' }), { ok: false, reason: 'connection refused' });
    assert.equal((await result(http, { type: 'https' })).ok, false);
  });

  it('an HTTPS check sends the server name, and accepts any certificate', async () => {
    const names: unknown[] = [];
    const server = createHttpsServer({ key, cert: certificate }, (_, response) => response.end('yes'));
    server.on('secureConnection', ({ servername }) => names.push(servername));
    const port = await listening(server);
    const timeout = 2000;
    for (const host of ['www.example', 'www.example:8443', '[2001:db8::1]:443']) {
      assert.deepEqual(await result(port, { type: 'https', host, timeout }), {
        ok: true,
        reason: 'HTTP 200',
      });
    }
    assert.deepEqual(names, ['www.example', 'www.example', false]);
    assert.equal((await result(port, { type: 'http', timeout })).ok, false);
  });

  it('a busy process does not fail a check', async () => {
    const checked = result(http, { type: 'http', path: '/moved', timeout: 50 });
    const end = performance.now() + 200;
    while (performance.now() < end);
    assert.equal((await checked).ok, true);
  });
});
