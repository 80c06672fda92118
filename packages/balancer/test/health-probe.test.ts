/** Checks of servers on this machine's loopback. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import {
  createSecureServer as createHttp2SecureServer,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
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
  const complete = completeCheck(service, 80, { interval: 10_000, timeout: 10_000, ...check, port });
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
    assert.deepEqual(await result(silent, { type: 'http', timeout: 300 }), {
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
    const timeout = 10_000;
    for (const host of ['www.example', 'www.example:8443', '[2001:db8::1]:443']) {
      assert.deepEqual(await result(port, { type: 'https', host, timeout }), {
        ok: true,
        reason: 'HTTP 200',
        certificateExpires: new Date('2126-10-30T07:05:01Z'),
      });
    }
    assert.deepEqual(names, ['www.example', 'www.example', false]);
    assert.equal((await result(port, { type: 'http', timeout })).ok, false);
  });

  it('a TLS check completes the handshake', async () => {
    const server = createTlsServer({ key, cert: certificate }, (socket) => socket.on('error', () => {}));
    const port = await listening(server);
    const { ok, reason, certificateExpires } = await result(port, { type: 'tls', timeout: 10_000 });
    assert.deepEqual([ok, reason, certificateExpires?.getUTCFullYear()], [true, 'TLS', 2126]);
    assert.equal((await result(rude, { type: 'tls', timeout: 10_000 })).ok, false);
  });

  it('a gRPC check asks the health service, with TLS or without', async () => {
    const asked: string[] = [];
    const answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const body = Buffer.concat(pieces);
        const service = body.subarray(7).toString();
        asked.push(`${headers[':method']} ${headers[':path']} ${headers['content-type']} ${service}`);
        if (service === 'unknown') {
          stream.respond(
            { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' },
            { endStream: true },
          );
          return;
        }
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        // An unknown field in front of the status.
        const message = Buffer.from(service === 'web' ? '12026869' + '0801' : '0802', 'hex');
        stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]));
      });
    };
    const plain = createHttp2Server().on('stream', answer);
    const secure = createHttp2SecureServer({ key, cert: certificate }).on('stream', answer);
    const [port, securePort] = [await listening(plain), await listening(secure)];
    const check = { type: 'grpc', timeout: 10_000, service: 'web' } as const;
    assert.deepEqual(await result(port, check), { ok: true, reason: 'SERVING' });
    const over = await result(securePort, { ...check, tls: true });
    assert.deepEqual(
      [over.ok, over.reason, over.certificateExpires?.getUTCFullYear()],
      [true, 'SERVING', 2126],
    );
    assert.deepEqual(await result(port, { type: 'grpc', timeout: 10_000 }), {
      ok: false,
      reason: 'NOT_SERVING',
    });
    assert.deepEqual(await result(port, { ...check, service: 'unknown' }), {
      ok: false,
      reason: 'gRPC status 5, the service is not known',
    });
    assert.equal(asked[0], 'POST /grpc.health.v1.Health/Check application/grpc web');
    for (const other of [rude, http, securePort]) assert.equal((await result(other, check)).ok, false);
    assert.deepEqual(await result(silent, { ...check, timeout: 300 }), {
      ok: false,
      reason: 'no answer within 300 ms',
    });
    assert.equal((await result(closed, check)).reason, 'connection refused');
  });

  it('a script is good where it ends with status 0, and ends in time with all that it started', async () => {
    const run = (script: string, timeout = 10_000) =>
      result(81, { type: 'script', command: ['/bin/sh', '-c', script], timeout });
    assert.deepEqual(await run('echo "$WEIR_VIP $WEIR_PORT $WEIR_PROTOCOL $WEIR_REAL $WEIR_REAL_PORT"'), {
      ok: true,
      reason: '192.0.2.1 80 tcp 127.0.0.1 81',
    });
    assert.deepEqual(await run('exit 3'), { ok: false, reason: 'exit status 3' });
    assert.deepEqual(await run("printf '\\033[31mbad\\n'; exit 1"), { ok: false, reason: '[31mbad' });
    assert.deepEqual(await run('kill -9 $$'), { ok: false, reason: 'killed by SIGKILL' });
    const start = performance.now();
    assert.deepEqual(await run('sleep 60 & sleep 60', 200), { ok: false, reason: 'no end within 200 ms' });
    assert.ok(performance.now() - start < 50_000);
    const missing = await result(81, { type: 'script', command: ['/no/such'], timeout: 500 });
    assert.deepEqual(missing, { ok: false, reason: 'ENOENT' });
    const many = await Promise.all(Array.from({ length: 40 }, () => run('exit 0')));
    assert.ok(many.every(({ ok }) => ok));
  });

  it('a busy process does not fail a check', async () => {
    const checked = result(http, { type: 'http', path: '/moved', timeout: 50 });
    const end = performance.now() + 200;
    while (performance.now() < end);
    assert.equal((await checked).ok, true);
  });
});
