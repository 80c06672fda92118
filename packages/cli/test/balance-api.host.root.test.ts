/** The API of a running balancer: with TLS and tokens, with the answers of its socket, and with clients that mean no good. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type IncomingHttpHeaders, request as requestPlain } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Status } from '@weir/balancer/control';
import { balance, balanceOk } from './support/balance.js';
import { BalancerProcesses, makeBalancerNetwork } from './support/balancer-network.js';
import { selfSigned } from './support/certificate.js';
import type { WeirProcess } from './support/command.js';

const VIP = '198.51.100.1';
const HOST = '10.1.0.2';
const PORT = 9437;
const URL_OF_API = `https://${HOST}:${PORT}`;
const folder = mkdtempSync(join(tmpdir(), 'weir-api-'));
const config = join(folder, 'balance.yaml');
const tokens = join(folder, 'tokens');
const audit = join(folder, 'audit');
const { certificate, key } = selfSigned(folder, HOST);
const namespace = makeBalancerNetwork(VIP);
const balancers = new BalancerProcesses(namespace, config);
const secrets: Record<string, string> = {};
let running: WeirProcess;

const text1 = `name: edge
interface: b0
mode: generic
router: 10.1.0.1
options: {flows: 3000, maxReals: 16, maxServerIds: 64, maxSourceRoutes: 64, maxGlobalFlows: 64}
api: {listen: ["${HOST}:${PORT}"], tls: {certificate: ${certificate}, key: ${key}}, tokens: ${tokens}, names: [edge.test], audit: ${audit}}
vips:
  - {name: web, address: ${VIP}, port: 80, protocol: tcp, reals: [{name: a, address: 10.9.0.1}, {name: b, address: 10.9.0.2, weight: 2}]}
`;

before(async () => {
  writeFileSync(config, text1);
  for (const role of ['read', 'drain', 'apply']) {
    secrets[role] = (await balanceOk('token', 'add', role, '--role', role, '--file', tokens)).trim();
    writeFileSync(join(folder, `${role}.token`), `${secrets[role]}\n`);
  }
  running = await balancers.start();
});

after(() => {
  balancers[Symbol.dispose]();
  closeSync(namespace);
  rmSync(folder, { recursive: true });
});

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  readonly body?: string | Buffer;
}

async function send(path: string, { method = 'GET', headers = {}, token, body }: Asked = {}) {
  const sent = request({
    ...{
      host: HOST,
      port: PORT,
      path: `/api/v1${path}`,
      method,
      ca: readFileSync(certificate),
      agent: false,
    },
    // The certificate is of the address, whatever the header Host says.
    servername: '',
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
  });
  // The server may have refused it before all of it was sent.
  sent.on('error', () => {});
  const answered = once(sent, 'response');
  sent.end(body);
  const [response] = await answered;
  const answer = await text(response);
  return {
    status: response.statusCode as number,
    headers: response.headers as IncomingHttpHeaders,
    json: answer === '' ? undefined : JSON.parse(answer),
  };
}

/** An address may make twenty connections a second. */
async function ask(path: string, asked: Asked = {}) {
  await sleep(60);
  return send(path, asked);
}

/** Flags before the command. */
const remote = (role: string) => [
  ...['--remote', URL_OF_API, '--ca', certificate, '--token-file', join(folder, `${role}.token`)],
];

it('commands have the same answers and exit statuses over the socket and over the API', async () => {
  writeFileSync(join(folder, 'other.yaml'), text1.replace('weight: 2', 'weight: 5'));
  writeFileSync(join(folder, 'renamed.yaml'), text1.replace('name: edge', 'name: other'));
  for (const command of [
    ['lookup', '192.0.2.1:5', `${VIP}:80`],
    ['lookup', '192.0.2.1:5', `${VIP}:80`, '--json'],
    ['lookup', '192.0.2.1:5', '[2001:db8::1]:80'],
    ['drain', 'web', 'a'],
    ['drain', 'web', 'b'],
    ['drain', 'web', 'nobody'],
    ['undrain', 'web', 'a'],
    ['drain', 'no-such-vip', 'a'],
    ['apply', join(folder, 'other.yaml')],
    ['apply', config],
    ['apply', join(folder, 'renamed.yaml'), '--name', 'edge'],
  ]) {
    const socket = await balance(...command);
    // A drain or a file that is in force already is answered alike.
    const [name = '', ...rest] = command.filter(
      (word, i) => word !== '--name' && command[i - 1] !== '--name',
    );
    if (name === 'apply')
      await balance('apply', name === 'apply' && rest[0] === config ? join(folder, 'other.yaml') : config);
    const asked = await balance(...remote('apply'), name, ...rest);
    assert.deepEqual(asked, socket, command.join(' '));
  }
  const statuses = [
    await balanceOk('status', '--json'),
    await balanceOk(...remote('read'), 'status', '--json'),
  ];
  const [socket, api] = statuses.map((json) => {
    // What the network sends by itself is counted between the two.
    const { counters: _, cpus = [], rates, over, vips, ...rest } = JSON.parse(json) as Status;
    assert.ok(over > 0.5 && rates.packets >= 0 && cpus.length > 0);
    return {
      ...rest,
      vips: vips.map(({ reals, packets, ...vip }) => [
        vip,
        reals.map(({ name, ringWeight }) => [name, ringWeight]),
      ]),
    };
  });
  assert.deepEqual(api, socket);
  assert.match(
    await balanceOk(...remote('read'), 'status', '--interval', '1ms'),
    /^edge {2}b0 \(generic\) {2}router /,
  );
});

it('a capture over the API is the one of the socket', async () => {
  const file = join(folder, 'a.pcapng');
  const captured = balance(...remote('apply'), 'capture', '--count', '3', '-o', file);
  let isOver = false;
  void captured.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const socket = connect({ host: VIP, port: 80 }).on('error', () => {});
    await sleep(50);
    socket.destroy();
  }
  const { code, stderr } = await captured;
  assert.deepEqual([code, stderr], [0, 'weir: 3 packets\n']);
  assert.equal(readFileSync(file).readUInt32LE(0), 0x0a0d0d0a);
  // A duration ends it with its totals.
  const ended = await balance(...remote('apply'), 'capture', '--duration', '300ms', '-o', file);
  assert.deepEqual([ended.code, /^weir: [\d,]+ packets?\n$/.test(ended.stderr)], [0, true], ended.stderr);
  const refused = await balance(...remote('drain'), 'capture', '-o', file);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /this needs the role apply, and drain has drain/);
});

it('what clients may ask for is what the role of their token allows', async () => {
  const tries: [string, string, number[]][] = [
    ['GET', '/status', [401, 200, 200, 200]],
    ['GET', '/vips?vip=web', [401, 200, 200, 200]],
    ['GET', '/reals', [401, 200, 200, 200]],
    ['POST', '/undrain', [401, 403, 200, 200]],
    ['POST', '/apply', [401, 403, 403, 200]],
    ['POST', '/stop', [401, 403, 403, 400]],
    ['GET', '/capture?count=x', [401, 403, 403, 400]],
    ['DELETE', '/capture', [401, 403, 403, 200]],
    ['GET', '/health', [200, 200, 200, 200]],
    ['GET', '/ready', [200, 200, 200, 200]],
    ['GET', '/openapi.json', [200, 200, 200, 200]],
    ['GET', '/nothing', [404, 404, 404, 404]],
    ['DELETE', '/status', [405, 405, 405, 405]],
  ];
  const bodies: Record<string, [string, string]> = {
    '/undrain': ['application/json', '{"vip":"web","real":"a"}'],
    '/apply': ['application/yaml', text1],
    '/stop': ['application/json', '{"detach":true}'],
  };
  for (const [method, path, statuses] of tries) {
    const [type, body] = bodies[path] ?? [];
    const found = [];
    for (const token of [undefined, secrets.read, secrets.drain, secrets.apply])
      found.push(
        (
          await ask(path, {
            method,
            token,
            ...(body !== undefined && { body, headers: { 'content-type': type! } }),
          })
        ).status,
      );
    assert.deepEqual(found, statuses, `${method} ${path}`);
  }
  const { json } = await ask('/reals?vip=web', { token: secrets.read });
  assert.deepEqual(
    json.reals.map(({ vip, name }: { vip: string; name: string }) => `${vip} ${name}`),
    ['web a', 'web b'],
  );
  const document = (await ask('/openapi.json')).json;
  assert.equal(document.openapi, '3.1.0');
  assert.equal(document.paths['/api/v1/drain'].post['x-weir-role'], 'drain');
});

it('requests that make no sense are refused with what is wrong', async () => {
  const token = secrets.apply;
  const refused = async (path: string, asked: Asked, status: number, detail: RegExp) => {
    const { status: found, json, headers } = await ask(path, { token, ...asked });
    assert.equal(found, status, JSON.stringify(json));
    assert.match(json.detail, detail);
    assert.equal(headers['content-type'], 'application/problem+json');
  };
  const json = { 'content-type': 'application/json' };
  await refused('/status?overMs=-1', {}, 400, /^overMs/);
  await refused('/status?overms=1', {}, 400, /overms/);
  await refused('/lookup?source=x', {}, 400, /source/);
  await refused('/drain', { method: 'POST', body: '{"vip":"web"}', headers: json }, 400, /real/);
  await refused('/drain', { method: 'POST', body: '{', headers: json }, 400, /no JSON/);
  await refused('/drain', { method: 'POST', body: 'vip=web' }, 415, /application\/json/);
  const yaml = { 'content-type': 'application/yaml' };
  await refused('/apply', { method: 'POST', body: 'vips: 3', headers: yaml }, 400, /vips/);
  await refused(
    '/apply',
    { method: 'POST', body: Buffer.alloc(8_000_001, 0x20), headers: yaml },
    413,
    /8000000 bytes/,
  );
  const chunked = { ...yaml, 'transfer-encoding': 'chunked' };
  await refused(
    '/apply',
    { method: 'POST', body: Buffer.alloc(9_000_000, 0x20), headers: chunked },
    413,
    /8000000 bytes/,
  );
  await refused('/status', { headers: { host: 'evil.example' } }, 421, /not called "evil\.example"/);
  await refused(
    '/status',
    { headers: { host: `edge.test:${PORT}`, origin: 'https://evil.example' } },
    403,
    /pages/,
  );
  assert.equal((await ask('/status', { token, headers: { host: `edge.test:${PORT}` } })).status, 200);
  // A command that runs as root is fixed at the start, also for those who may apply.
  const hook = text1.replace('vips:', 'onChange: [/bin/true]\nvips:');
  await refused('/apply', { method: 'POST', body: hook, headers: yaml }, 400, /commands are fixed then/);
  const open = text1.replace('audit:', 'tokens2:');
  await refused('/apply', { method: 'POST', body: open, headers: yaml }, 400, /tokens2/);
  await refused(
    '/apply',
    { method: 'POST', body: text1.replace(audit, `${audit}2`), headers: yaml },
    400,
    /^api cannot change/,
  );
});

it('plain text at a port for TLS, and connections that say nothing, are ended, and nobody else waits for them', async () => {
  const silent = Array.from({ length: 100 }, () => connect({ host: HOST, port: PORT }).on('error', () => {}));
  await Promise.all(silent.map((socket) => once(socket, 'connect').catch(() => {})));
  // The socket answers meanwhile.
  assert.equal(JSON.parse(await balanceOk('status', '--json', '--interval', '1ms')).name, 'edge');
  // One address has 64 connections.
  await until(async () => silent.filter(({ closed }) => closed).length >= 100 - 64);
  for (const socket of silent) socket.destroy();
  await until(async () => (await ask('/health')).status === 200);
  const [error] = await once(requestPlain({ host: HOST, port: PORT, path: '/api/v1/health' }).end(), 'error');
  assert.match((error as NodeJS.ErrnoException).code!, /^(?:ECONNRESET|EPIPE|HPE_.*)$/);
  assert.equal((await ask('/health')).status, 200);
});

it('a thousand wrong tokens are refused soon, and say so once', async () => {
  const seen: Record<string, number> = {};
  for (let i = 0; i < 1000; i += 20) {
    const answers = Array.from({ length: 20 }, (_, j) =>
      send('/status', { token: `weir_${String(i + j).padStart(43, 'x')}` }).then(
        ({ status }) => String(status),
        ({ code }: NodeJS.ErrnoException) => String(code),
      ),
    );
    for (const answer of await Promise.all(answers)) seen[answer] = (seen[answer] ?? 0) + 1;
  }
  // Ten are free, and then one every six seconds; beyond twenty connections a second there is no answer at all.
  assert.deepEqual(
    Object.keys(seen).filter((answer) => !['401', '429', 'ECONNRESET', 'EPIPE'].includes(answer)),
    [],
  );
  assert.ok(seen[401]! >= 10 && seen[401]! < 300 && (seen.ECONNRESET ?? 0) > 0, JSON.stringify(seen));
  // The socket answers meanwhile.
  assert.equal(JSON.parse(await balanceOk('status', '--json', '--interval', '1ms')).name, 'edge');
  await until(async () => (await ask('/health')).status === 200);
  // One more is free every six seconds, which may have come: a wrong one takes it.
  await until(async () => {
    await ask('/status', { token: `weir_${'y'.repeat(43)}` });
    const { status, headers } = await ask('/status', { token: secrets.read });
    return status === 429 && Number(headers['retry-after']) > 0;
  });
  const lines = readFileSync(audit, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.ok(lines.filter(({ event }) => event === 'blocked').length < 20);
  assert.ok(
    lines.some(
      ({ event, principal, path, status }) =>
        event === 'request' && principal === 'apply' && path === '/api/v1/apply' && status === 200,
    ),
  );
  assert.ok(!readFileSync(audit, 'utf8').includes('weir_'));
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    if (await isSo().catch(() => false)) return;
    assert.ok(Date.now() < deadline, 'not within a minute');
  }
}

async function fingerprint(): Promise<string> {
  const socket = connectTls({ host: HOST, port: PORT, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

it('another certificate counts soon; one that does not fit its key does not', async () => {
  const first = await fingerprint();
  const other = join(folder, 'other');
  mkdirSync(other);
  const made = selfSigned(other, HOST);
  copyFileSync(made.certificate, certificate);
  await sleep(3000);
  assert.equal(await fingerprint(), first);
  copyFileSync(made.key, key);
  await until(async () => (await fingerprint()) !== first);
});

it('events are sent as they happen, and a token that is removed ends them; stop over the API ends the balancer', async () => {
  // Addresses that had wrong tokens wait; the balancer is another one after a restart.
  await running.end('SIGTERM');
  running = await balancers.start();
  const sent = request({
    ...{ host: HOST, port: PORT, path: '/api/v1/events', ca: readFileSync(certificate), agent: false },
    headers: { authorization: `Bearer ${secrets.read}` },
  }).end();
  const [events] = await once(sent, 'response');
  let seen = '';
  events.on('data', (bytes: Buffer) => {
    seen += bytes;
  });
  await balanceOk(...remote('drain'), 'drain', 'web', 'a');
  await until(async () =>
    /event: drain\ndata: \{"time":"[^"]*","vip":"web","real":"a","drained":true\}\n\n/.test(seen),
  );
  assert.match(seen, /event: message\n/);
  await balanceOk('token', 'remove', 'read', '--file', tokens);
  const ended = once(events, 'end');
  await until(async () => (await ask('/status', { token: secrets.read })).status === 401);
  await balanceOk(...remote('drain'), 'undrain', 'web', 'a');
  await ended;
  assert.equal((await balance(...remote('read'), 'status')).code, 2);
  assert.ok(!(await balanceOk('token', 'list', '--file', tokens)).includes('read'));
  assert.equal(
    (await balance(...remote('apply'), 'stop', '--keep-forwarding')).stdout,
    'stopped; packets are forwarded on\n',
  );
  assert.equal((await running.ended).status, 0);
  running = await balancers.start();
  assert.equal(await balanceOk(...remote('apply'), 'stop'), 'stopped\n');
  assert.equal((await running.ended).status, 0);
  const gone = await balance(...remote('apply'), 'status');
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /no balancer answers at https:\/\/10\.1\.0\.2:9437/);
});
