import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { AuditLog, newToken, Refusals } from '@weir/http/auth';
import { addToken, readTokens } from '../src/auth/server-tokens.js';
import { problemOf, type RunningApi, startApi } from './support/api.js';
import { fakeHistory } from './support/fake-history.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-api-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const { history } = fakeHistory();

function bearer(token: string): RequestInit {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** Tokens of each role. */
function makeTokens() {
  const path = join(folder, 'tokens.json');
  const [read, sql, admin] = (['read', 'sql', 'admin'] as const).map((role) =>
    addToken(path, { name: role, role }),
  );
  return { read: read!, sql: sql!, admin: admin!, login: { tokens: readTokens(path) } };
}

/** A request with any headers. */
function raw(
  api: RunningApi,
  headers: Record<string, string>,
  more = {},
): Promise<{ status: number; body: string; headers: object }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${api.origin}/api/v1/losses`, { headers, ...more }, async (response) => {
      resolve({ status: response.statusCode!, headers: response.headers, body: await readAll(response) });
    });
    sent.on('error', reject).end();
  });
}

describe('a token', () => {
  it('is needed as soon as there is one, but not for health', async () => {
    const { read, login } = makeTokens();
    await using api = await startApi({ history, login });
    const response = await api.get('/losses');
    assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="weir"');
    assert.equal((await problemOf(response)).kind, 'login');
    assert.equal((await api.get('/losses', bearer(read))).status, 200);
    assert.equal((await api.get('/health')).status, 200);
    assert.equal((await api.get('/openapi.json')).status, 200);
  });

  it('allows what its role says', async () => {
    const { read, sql, admin, login } = makeTokens();
    await using api = await startApi({ history, login });
    const statuses = async (token: string) => {
      const post = { method: 'POST', body: '{"sql":"SELECT 1"}' };
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answers = [
        await api.get('/losses', { headers }),
        await api.get('/sql', { ...post, headers }),
        await api.get('/import', { ...post, headers }),
      ];
      return answers.map(({ status }) => status);
    };
    assert.deepEqual(await statuses(read), [200, 403, 403]);
    assert.deepEqual(await statuses(sql), [200, 200, 403]);
    assert.deepEqual(await statuses(admin), [200, 200, 501]);
  });

  it('that is wrong 1,000 times is refused, then blocked, and both are in the audit log, whose size it does not decide', async () => {
    const { read, login } = makeTokens();
    const path = join(folder, 'audit.log');
    using audit = new AuditLog(path, assert.fail);
    await using api = await startApi({ history, login, audit });
    const statuses: number[] = [];
    for (let i = 0; i < 1000; i++) statuses.push((await api.get('/losses', bearer(newToken()))).status);
    assert.ok(statuses.slice(0, 10).every((status) => status === 401));
    assert.ok(statuses.filter((status) => status === 429).length > 950);
    const blocked = await api.get('/losses', bearer(read));
    assert.equal(blocked.status, 429);
    assert.ok(Number(blocked.headers.get('retry-after')) > 0);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    const refused = statuses.filter((status) => status === 401).length;
    assert.equal(lines.filter((line) => line.includes('"event":"login_failed"')).length, refused);
    assert.match(
      lines[0]!,
      /"event":"login_failed","status":401,"method":"GET","path":"\/api\/v1\/losses","address":"127.0.0.1"/,
    );
    // One a minute, which counts the others: a flood does not push out what else is in the log.
    const flood = lines.filter((line) => line.includes('"event":"blocked"'));
    assert.ok(flood.length >= 1 && flood.length < 10, lines.join('\n'));
  });

  it('can be kept by a browser in a cookie that no script reads', async () => {
    const { read, login } = makeTokens();
    await using api = await startApi({ history, login });
    const session = await api.get('/session', { method: 'POST', ...bearer(read) });
    assert.deepEqual(await session.json(), { name: 'read', role: 'read' });
    const cookie = session.headers.get('set-cookie')!;
    assert.match(cookie, /^weir_token=weir_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/);
    const headers = { cookie: `other=1; ${cookie.split(';')[0]}` };
    assert.equal((await api.get('/losses', { headers })).status, 200);
    const end = await api.get('/session', { method: 'DELETE' });
    assert.equal(end.status, 204);
    assert.match(end.headers.get('set-cookie')!, /^weir_token=; .*Max-Age=0/);
  });
});

describe('what admins do', () => {
  it('is in the audit log, also where they may not', async () => {
    const { sql, admin, login } = makeTokens();
    const path = join(folder, 'audit.log');
    using audit = new AuditLog(path, assert.fail);
    await using api = await startApi({ history, login, audit });
    await api.get('/import', { method: 'POST', ...bearer(admin) });
    await api.get('/import', { method: 'POST', ...bearer(sql) });
    await api.get('/losses', bearer(admin));
    const entries = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      entries.map(({ principal, status }) => [principal, status]),
      [
        ['admin', 200],
        ['sql', 403],
      ],
    );
  });
});

describe('what is refused', () => {
  it('is in the audit log once a minute for each kind and address, however often it comes', async () => {
    const path = join(folder, 'audit.log');
    using audit = new AuditLog(path, assert.fail);
    const { history } = fakeHistory({
      sql: async () => {
        throw new OptionError('sql: only the tables of the history may be read');
      },
    });
    await using api = await startApi({ history, audit });
    const sql = (statement: string) => ({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: statement }),
    });
    const filter = encodeURIComponent('port=1 or '.repeat(1_000_000));
    for (let time = 0; time < 20; time++) {
      assert.equal((await raw(api, { host: 'evil.example' })).status, 421);
      assert.equal((await api.get('/sql', sql("SELECT * FROM read_csv('/etc/passwd')"))).status, 400);
      // The connection may end before all of it is sent.
      await api.get('/sql', sql('x'.repeat(2_000_000))).catch(() => undefined);
      await api.get(`/connections?filter=${filter}`).catch(() => undefined);
    }
    const entries = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      entries.map(({ event, kind, address, status }) => [event, kind, address, status]),
      [
        ['refused', 'host', '127.0.0.1', 421],
        ['refused', 'statement', '127.0.0.1', 400],
        ['refused', 'too-long', '127.0.0.1', 413],
        ['refused', 'header-too-long', '127.0.0.1', 431],
      ],
    );
    assert.match(entries[1].detail, /only the tables of the history/);
  });

  it('is counted between two entries', () => {
    const path = join(folder, 'audit.log');
    using audit = new AuditLog(path, assert.fail);
    let now = 0;
    const refusals = new Refusals(audit, () => now);
    for (; now <= 125_000; now += 1_000) refusals.add({ kind: 'host', address: '192.0.2.1' });
    refusals.add({ kind: 'host', address: '192.0.2.2', detail: 'x'.repeat(5_000) });
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).count),
      [undefined, 60, 60, undefined],
    );
    assert.ok(lines[3]!.length < 500);
  });
});

describe('a forged Host', () => {
  it('is refused, whatever it is', async () => {
    await using api = await startApi({ history });
    for (const host of ['evil.example', 'evil.example:9436', '10.0.0.1', 'localhost.evil.example', '[::1]']) {
      const { status, body } = await raw(api, { host });
      assert.equal(status, 421, host);
      assert.match(body, /urn:weir:problem:host/);
    }
    for (const host of [
      'a b',
      'a/b',
      'x@y',
      '\u00ff',
      'localhost:9.evil.example',
      '127.0.0.1:999999',
      '[::1',
    ]) {
      const { status, body } = await raw(api, { host });
      assert.equal(status, 421, host);
      assert.match(body, /urn:weir:problem:host/, host);
    }
    for (const host of ['localhost', `127.0.0.1:${api.server.addresses[0]!.port}`])
      assert.equal((await raw(api, { host })).status, 200, host);
  });

  it('that is missing, or there twice, and an impossible address are answered as problems', async () => {
    const path = join(folder, 'audit.log');
    using audit = new AuditLog(path, assert.fail);
    await using api = await startApi({ history, audit });
    const ask = async (lines: string) => {
      const socket = connect(api.server.addresses[0]!.port, '127.0.0.1');
      const answer = await readAll(socket.end(`${lines}\r\nConnection: close\r\n\r\n`));
      assert.match(answer, /^HTTP\/1\.1 400 /, lines);
      assert.match(answer, /\r\ncontent-type: application\/problem\+json\r\n/i, lines);
      return answer;
    };
    await ask('GET /api/v1/losses HTTP/1.1');
    await ask('GET /api/v1/losses HTTP/1.0');
    const twice = await ask('GET /api/v1/losses HTTP/1.1\r\nHost: localhost\r\nHost: localhost');
    assert.match(twice, /x-content-type-options: nosniff/);
    for (const target of ['/\\evil', 'http://[', '*'])
      await ask(`OPTIONS ${target} HTTP/1.1\r\nHost: [::1]:99999`);
    const [line, ...more] = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.match(line!, /"event":"refused".*"kind":"request"/);
    assert.deepEqual(more, []);
  });

  it('is no more forged where the configuration has it', async () => {
    await using api = await startApi({ history, allowed: { names: ['weir.example'] } });
    assert.equal((await raw(api, { host: 'weir.example' })).status, 200);
  });
});

describe('pages of other servers', () => {
  it('may not use this one', async () => {
    await using api = await startApi({ history });
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const { status, body, headers: answered } = await raw(api, headers as Record<string, string>);
      assert.equal(status, 403);
      assert.match(body, /urn:weir:problem:origin/);
      assert.ok(!('access-control-allow-origin' in answered));
    }
  });

  it('may where the configuration names them', async () => {
    await using api = await startApi({ history, allowed: { origins: ['https://tools.example'] } });
    const origin = 'https://tools.example';
    const { status, headers } = await raw(api, { origin });
    assert.equal(status, 200);
    assert.equal((headers as Record<string, string>)['access-control-allow-origin'], origin);
    const preflight = await raw(
      api,
      { origin, 'access-control-request-method': 'GET' },
      { method: 'OPTIONS' },
    );
    assert.equal(preflight.status, 204);
  });
});

describe('every answer', () => {
  it('has headers that keep browsers from doing harm', async () => {
    await using api = await startApi({ history });
    for (const path of ['/losses', '/nothing', '/connections?limit=0', '/openapi.json']) {
      const { headers } = await api.get(path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      assert.match(headers.get('content-security-policy')!, /^default-src 'none'/);
      assert.equal(headers.get('strict-transport-security'), null);
    }
  });
});

describe('what is no request', () => {
  for (const [title, bytes, status] of [
    ['random bytes', '\u0000\u0001\u0002\r\n\r\n', 400],
    ['an endless header', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    ['a request without Host', 'GET /api/v1/losses HTTP/1.1\r\n\r\n', 400],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      400,
    ],
  ] as const)
    it(`gets an answer, and others do too: ${title}`, async () => {
      await using api = await startApi({ history });
      const socket = connect({ port: api.server.addresses[0]!.port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.end(bytes);
      const answer = await readAll(socket);
      assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer.slice(0, 100));
      assert.equal((await api.get('/health')).status, 200);
    });
});

describe('the Unix socket', () => {
  it('needs no token, whatever the Host, and allows everything', async () => {
    const path = join(folder, 'api.sock');
    const { login } = makeTokens();
    await using _api = await startApi({ history, login, places: [{ path }] });
    const answer = await new Promise<string>((resolve, reject) => {
      request({ socketPath: path, path: '/api/v1/status', headers: { host: 'x' } }, (response) =>
        resolve(readAll(response)),
      )
        .on('error', reject)
        .end();
    });
    assert.deepEqual((JSON.parse(answer) as { you: object }).you, { name: 'local', role: 'admin' });
  });
});
