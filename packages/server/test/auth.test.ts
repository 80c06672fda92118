import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  AuditLog,
  FailedLogins,
  findToken,
  hostOf,
  isAllowedOrigin,
  isOwnHost,
  newToken,
} from '@weir/http/auth';
import { Authenticator, type Credentials } from '../src/auth/authenticator.js';
import { requireProtection } from '../src/auth/protection.js';
import { includesRole } from '../src/auth/roles.js';
import { addToken, readTokens, removeToken } from '../src/auth/server-tokens.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-auth-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('roles', () => {
  it('include those below them', () => {
    assert.ok(includesRole('admin', 'read') && includesRole('sql', 'sql') && includesRole('admin', 'sql'));
    assert.ok(!includesRole('read', 'sql') && !includesRole('sql', 'admin'));
  });
});

describe('tokens', () => {
  const path = () => join(folder, 'tokens.json');

  it('have 256 random bits, and differ', () => {
    const tokens = new Set(Array.from({ length: 100 }, newToken));
    assert.equal(tokens.size, 100);
    for (const token of tokens) assert.match(token, /^weir_[A-Za-z0-9_-]{43}$/);
  });

  it('are found by what was shown once, which is stored nowhere', () => {
    const token = addToken(path(), { name: 'dashboard', role: 'sql' });
    const stored = readTokens(path());
    assert.equal(findToken(token, stored, Date.now())?.name, 'dashboard');
    assert.equal(findToken(token, stored, Date.now())?.role, 'sql');
    assert.ok(!readFileSync(path(), 'utf8').includes(token.slice(5)));
    assert.equal(statSync(path()).mode & 0o777, 0o600);
  });

  it('that differ in anything are not found', () => {
    const token = addToken(path(), { name: 'a', role: 'read' });
    const stored = readTokens(path());
    for (const wrong of ['', token.slice(0, -1), `${token}a`, token.toUpperCase(), newToken(), ` ${token}`])
      assert.equal(findToken(wrong, stored, Date.now()), undefined, wrong);
    assert.equal(findToken('', [], 0), undefined);
  });

  it('end when they expire, or are removed', () => {
    const now = Date.parse('2026-11-26T12:00:00Z');
    const token = addToken(path(), { name: 'a', role: 'read', expires: now + 1000 }, now);
    assert.ok(findToken(token, readTokens(path()), now + 999));
    assert.equal(findToken(token, readTokens(path()), now + 1000), undefined);
    removeToken(path(), 'a');
    assert.deepEqual(readTokens(path()), []);
    assert.throws(() => removeToken(path(), 'a'), /^OptionError: there is no token a/);
  });

  it('have names of their own', () => {
    addToken(path(), { name: 'a', role: 'read' });
    assert.throws(() => addToken(path(), { name: 'a', role: 'sql' }), /^OptionError: there is a token a/);
    for (const name of ['', '../x', 'a b', '\u001b[31m', 'x'.repeat(64)])
      assert.throws(() => addToken(path(), { name, role: 'sql' }), /^OptionError: a name has letters/);
  });

  it('are not read from a file that others may read, or that is damaged', () => {
    addToken(path(), { name: 'a', role: 'read' });
    chmodSync(path(), 0o640);
    assert.throws(() => readTokens(path()), /^FormatError: .* can be read by others: chmod 600/);
    chmodSync(path(), 0o600);
    for (const text of ['', '{', '{"version":2,"tokens":[]}', '{"version":1,"tokens":[{"name":"a"}]}']) {
      writeFileSync(path(), text);
      assert.throws(() => readTokens(path()), /^FormatError: .* is no file of tokens/);
    }
  });
});

describe('a client', () => {
  const nothing: Credentials = {
    address: '127.0.0.1',
    authorization: undefined,
    cookie: undefined,
    proxyUser: undefined,
  };
  let token = '';
  function authenticator(more = {}): Authenticator {
    token = addToken(join(folder, 'tokens.json'), { name: 'a', role: 'read' });
    return new Authenticator({ tokens: readTokens(join(folder, 'tokens.json')), insecure: false, ...more });
  }

  it('of this host needs no token where there is none, and is no admin', () => {
    const open = new Authenticator({ tokens: [], insecure: false });
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      assert.deepEqual(open.authenticate({ ...nothing, address }), {
        principal: { name: 'anonymous', role: 'sql', by: 'loopback' },
      });
    assert.deepEqual(open.authenticate({ ...nothing, address: '10.0.0.1' }), { failure: 'missing' });
  });

  it('needs a token as soon as there is one, also on this host', () => {
    const auth = authenticator();
    assert.deepEqual(auth.authenticate(nothing), { failure: 'missing' });
    const principal = { name: 'a', role: 'read', by: 'token' };
    assert.deepEqual(auth.authenticate({ ...nothing, authorization: `Bearer ${token}` }), { principal });
    assert.deepEqual(auth.authenticate({ ...nothing, cookie: token }), { principal });
    for (const authorization of ['', token, `Basic ${token}`, `Bearer ${token}x`, 'Bearer'])
      assert.deepEqual(auth.authenticate({ ...nothing, authorization }), { failure: 'wrong' }, authorization);
  });

  it('of the Unix socket is whoever may open that', () => {
    const auth = authenticator();
    const authentication = auth.authenticate({ ...nothing, address: undefined });
    assert.deepEqual(authentication, { principal: { name: 'local', role: 'admin', by: 'socket' } });
  });

  it('is whom the proxy names, where it comes from the proxy', () => {
    const proxy = { from: ['10.0.0.0/24'], userHeader: 'x-user', role: 'sql' as const };
    const auth = new Authenticator({ tokens: [], insecure: false, proxy });
    const from = (address: string) => auth.authenticate({ ...nothing, address, proxyUser: 'eve' });
    assert.deepEqual(from('::ffff:10.0.0.9'), { principal: { name: 'eve', role: 'sql', by: 'proxy' } });
    assert.deepEqual(from('10.0.1.9'), { failure: 'missing' });
    assert.deepEqual(from('127.0.0.1'), { failure: 'missing' });
    assert.deepEqual(auth.authenticate({ ...nothing, address: '10.0.0.9' }), { failure: 'missing' });
  });

  it('with a wrong token 1,000 times is blocked, also with the right one, and others are not', () => {
    const auth = authenticator();
    const wrong = { ...nothing, address: '10.0.0.1', authorization: `Bearer ${newToken()}` };
    const results = Array.from({ length: 1000 }, () => auth.authenticate(wrong, 1000));
    assert.equal(results.filter((result) => 'failure' in result && result.failure === 'wrong').length, 10);
    const right = { ...nothing, authorization: `Bearer ${token}` };
    assert.deepEqual(auth.authenticate({ ...right, address: '10.0.0.1' }, 1000), {
      failure: 'blocked',
      waitMs: 6000,
    });
    assert.ok('principal' in auth.authenticate({ ...right, address: '10.0.0.2' }, 1000));
    assert.ok('principal' in auth.authenticate({ ...right, address: '10.0.0.1' }, 7000));
  });
});

describe('failed logins', () => {
  it('are forgotten one by one', () => {
    const failed = new FailedLogins();
    for (let i = 0; i < 15; i++) failed.add('10.0.0.1', 0);
    assert.equal(failed.waitMs('10.0.0.1', 0), 36_000);
    assert.equal(failed.waitMs('10.0.0.1', 36_000), 0);
    failed.add('10.0.0.1', 36_000);
    assert.equal(failed.waitMs('10.0.0.1', 36_000), 6_000);
  });

  it('count for a whole network of IPv6, and for one address of IPv4 in any form', () => {
    const failed = new FailedLogins();
    for (let i = 0; i < 10; i++) failed.add(`2001:db8::${i}`, 0);
    assert.equal(failed.waitMs('2001:db8::ffff:1', 0), 6000);
    assert.equal(failed.waitMs('2001:db8:0:1::1', 0), 0);
    for (let i = 0; i < 10; i++) failed.add('::ffff:10.0.0.1', 0);
    assert.equal(failed.waitMs('10.0.0.1', 0), 6000);
    assert.equal(failed.waitMs('fe80::1%eth0', 0), 0);
  });

  it('of a million addresses are held in little memory', () => {
    const failed = new FailedLogins();
    for (let i = 0; i < 30_000; i++) failed.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
    assert.equal(failed.waitMs('10.0.117.47', 0), 0);
  });
});

describe('the Host header', () => {
  const allowed = { names: ['weir.example', '192.0.2.7', '2001:db8::7'], origins: [] };

  for (const [host, local] of [
    ['localhost:9436', '127.0.0.1'],
    ['LOCALHOST', '::1'],
    ['localhost.', '::ffff:127.0.0.1'],
    ['127.0.0.1:9436', '127.0.0.1'],
    ['[::1]:9436', '::1'],
    ['[0:0::1]', '::1'],
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['weir.example:443', '10.0.0.1'],
    ['WEIR.example', '10.0.0.1'],
    ['192.0.2.7', '10.0.0.1'],
    ['[2001:db8:0::7]:80', '10.0.0.1'],
  ] as const)
    it(`${host} is this server's at ${local}`, () => assert.ok(isOwnHost(host, local, allowed)));

  for (const [host, local] of [
    ['evil.example', '127.0.0.1'],
    ['localhost.evil.example', '127.0.0.1'],
    ['127.0.0.1.evil.example', '127.0.0.1'],
    ['localhost', '10.0.0.1'],
    ['10.0.0.2', '10.0.0.1'],
    ['127.0.0.2', '127.0.0.1'],
    ['weir.example@evil', '127.0.0.1'],
    ['[::1', '::1'],
    ['a b', '127.0.0.1'],
    ['', '127.0.0.1'],
    [':80', '127.0.0.1'],
    [undefined, '127.0.0.1'],
  ] as const)
    it(`${JSON.stringify(host)} is not this server's at ${local}`, () => {
      assert.ok(!isOwnHost(host, local, allowed));
    });

  it('may end with a dot, and with a port', () => {
    assert.equal(hostOf('weir.example.:80'), 'weir.example');
    assert.equal(hostOf('.'), undefined);
  });

  it('does not matter on a Unix socket', () => assert.ok(isOwnHost('x', undefined, allowed)));
});

describe('the page that a request comes from', () => {
  const allowed = { names: [], origins: ['https://tools.example'] };
  const from = (more: object) =>
    isAllowedOrigin(
      { origin: undefined, site: undefined, host: 'localhost:9436', scheme: 'http', ...more },
      allowed,
    );

  it('may be of this server, an allowed one, or no page at all', () => {
    assert.ok(from({}));
    assert.ok(from({ site: 'same-origin' }));
    assert.ok(from({ site: 'none' }));
    assert.ok(from({ origin: 'http://localhost:9436', site: 'same-origin' }));
    assert.ok(from({ origin: 'https://tools.example', site: 'cross-site' }));
  });

  it('may not be another one', () => {
    for (const origin of [
      'null',
      'https://evil.example',
      'https://localhost:9436',
      'http://localhost',
      'http://localhost:9437',
      'https://tools.example.evil',
      '',
    ])
      assert.ok(!from({ origin }), origin);
    assert.ok(!from({ site: 'cross-site' }));
    assert.ok(!from({ site: 'same-site' }));
  });
});

describe('a server that is reached from elsewhere', () => {
  const elsewhere = {
    listen: [
      { host: '127.0.0.1', port: 1 },
      { host: '::', port: 2 },
    ],
    insecure: false,
  };

  it('needs a token and TLS, and the message names what is missing', () => {
    const both = { ...elsewhere, hasTls: true, hasLogins: true };
    requireProtection(both);
    assert.throws(
      () => requireProtection({ ...both, hasTls: false }),
      /^OptionError: \[::\]:2 .* needs TLS \(/,
    );
    assert.throws(() => requireProtection({ ...both, hasLogins: false }), /needs a token \(/);
    assert.throws(
      () => requireProtection({ ...both, hasTls: false, hasLogins: false }),
      /needs a token \(.*\) and TLS \(.*--insecure/,
    );
  });

  it('does without where that is said to be meant, and on this host alone', () => {
    requireProtection({ ...elsewhere, hasTls: false, hasLogins: false, insecure: true });
    const listen = elsewhere.listen.slice(0, 1);
    requireProtection({ listen, hasTls: false, hasLogins: false, insecure: false });
  });
});

describe('the audit log', () => {
  const entry = {
    event: 'request',
    principal: 'a',
    method: 'POST',
    path: '/x\u001b\n',
    status: 200,
  } as const;

  it('has a line for each entry, whatever is in it, for its owner only', () => {
    const path = join(folder, 'audit.log');
    using log = new AuditLog(path, assert.fail);
    log.add(entry, new Date(0));
    log.add({ ...entry, path: 'y'.repeat(1e6) });
    const [first, second, end] = readFileSync(path, 'utf8').split('\n');
    assert.deepEqual(JSON.parse(first!), { time: '1970-01-01T00:00:00.000Z', ...entry });
    assert.ok(second!.length < 2000);
    assert.equal(end, '');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('is bounded, and has what is newest', () => {
    const path = join(folder, 'audit.log');
    using log = new AuditLog(path, assert.fail, 1000);
    for (let i = 0; i < 100; i++) log.add({ ...entry, status: i });
    const lines = [`${path}.1`, path].flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n'));
    const statuses = lines.map((line) => (JSON.parse(line) as { status: number }).status);
    assert.equal(statuses.at(-1), 99);
    assert.deepEqual(
      statuses,
      statuses.toSorted((a, b) => a - b),
    );
    assert.ok(statSync(path).size <= 1000 && statSync(`${path}.1`).size <= 1000);
  });
});
