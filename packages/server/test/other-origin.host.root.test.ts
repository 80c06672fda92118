/** What a page of another server can do in a real browser whose user is logged in here. Needs Debian's `chromium`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { addToken, readTokens } from '../src/auth/server-tokens.js';
import { startApi } from './support/api.js';
import { Chromium } from './support/chromium.js';
import { type Asked, fakeHistory } from './support/fake-history.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-origin-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const EVIL = 'evil.test';

/** Logs in as the page of the server does, and goes on to the page of others. */
const loginPage = (token: string, next: string) => `<!doctype html><title>login</title><script>
  fetch('/api/v1/session', { method: 'POST', headers: { authorization: 'Bearer ${token}' } })
    .then(() => fetch('/api/v1/losses?range=-1h'))
    .then((answer) => { location = '${next}&own=' + answer.status; });
</script>`;

/** Tries what pages can. Each attempt is the status that the script sees, or the error; answers say that pages of others may not even embed them. */
const otherPage = `<!doctype html><title>other</title><iframe name="sink"></iframe><script>
const given = new URLSearchParams(location.search);
const api = given.get('api');
const result = { own: given.get('own') };
const attempt = async (name, run) => {
  try { result[name] = await run(); } catch (error) { result[name] = error.name; }
};
const post = (path, type, body, more = {}) => async () => {
  const headers = type === undefined ? {} : { 'content-type': type };
  const answer = await fetch(api + path, { method: 'POST', credentials: 'include', headers, body, ...more });
  return answer.type === 'opaque' ? 'opaque' : answer.status;
};
const form = (path, enctype, name, value) => () => new Promise((resolve) => {
  const element = document.createElement('form');
  Object.assign(element, { method: 'POST', action: api + path, enctype, target: 'sink' });
  const field = document.createElement('input');
  Object.assign(field, { name, value });
  element.append(field);
  document.body.append(element);
  document.querySelector('iframe').onload = () => resolve('sent');
  element.submit();
});
const statement = JSON.stringify({ sql: 'SELECT 1' });
const simple = { mode: 'no-cors' };
(async () => {
  await attempt('read', async () => (await fetch(api + '/losses?range=-1h', { credentials: 'include' })).status);
  await attempt('read with a token', async () =>
    (await fetch(api + '/losses?range=-1h', { headers: { authorization: 'Bearer ' + given.get('token') } })).status);
  await attempt('read without cors', async () =>
    (await fetch(api + '/losses?range=-1h', { credentials: 'include', ...simple })).type);
  await attempt('sql', post('/sql', 'application/json', statement));
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    await attempt('sql as ' + type, post('/sql', type, statement, simple));
  await attempt('import', post('/import', 'application/x-tar', 'x'));
  await attempt('import as text/plain', post('/import', 'text/plain', 'x', simple));
  await attempt('import as a blob', post('/import', undefined, new Blob(['x']), simple));
  await attempt('beacon', () => navigator.sendBeacon(api + '/import', 'x'));
  await attempt('session', post('/session', 'text/plain', '', simple));
  await attempt('logout', async () =>
    (await fetch(api + '/session', { method: 'DELETE', credentials: 'include' })).status);
  await attempt('form', form('/sql', 'text/plain', '{"sql":"SELECT 1","x":"', '"}'));
  await attempt('form with a file', form('/import', 'multipart/form-data', 'file', 'x'));
  await attempt('image', () => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve('loaded');
    image.onerror = () => resolve('error');
    image.src = api + '/losses?range=-1h';
  }));
  await attempt('stream', () => new Promise((resolve) => {
    const source = new EventSource(api + '/stream', { withCredentials: true });
    source.onopen = () => { source.close(); resolve('open'); };
    source.onerror = () => { source.close(); resolve('error'); };
  }));
  await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
})();
</script>`;

interface Found {
  readonly result: Readonly<Record<string, unknown>>;
  /** What came through to the history, without what the login page asked. */
  readonly asked: readonly Asked[];
  readonly imports: number;
}

/** @param isAllowed Whether the configuration names the other page. @param host By which name the other page calls this server. */
async function visit(isAllowed: boolean, host = '127.0.0.1'): Promise<Found> {
  let report = (_text: string) => {};
  const reported = new Promise<string>((resolve) => {
    report = resolve;
  });
  const others = createServer((request, response) => {
    if (request.method === 'POST') void text(request).then(report);
    response.setHeader('content-type', 'text/html').end(request.method === 'POST' ? '' : otherPage);
  }).listen(0, '127.0.0.1');
  await once(others, 'listening');
  const { port } = others.address() as AddressInfo;
  // A page of the same host at another port has the cookie sent along: only its origin is another.
  const origin = `http://${host}:${port}`;
  const path = join(folder, `tokens-${port}.json`);
  const token = addToken(path, { name: 'browser', role: 'admin' });
  const { history, asked } = fakeHistory();
  let imports = 0;
  const add = async () => {
    imports++;
    return { id: 'a'.repeat(32), range: { from: 0n, to: 1n } };
  };
  let api = '';
  const page = (name: string) => {
    if (name !== '/login.html') return undefined;
    const next = `${origin}/?token=${token}&api=${encodeURIComponent(api)}`;
    return new Response(loginPage(token, next), {
      headers: {
        'content-type': 'text/html',
        'content-security-policy': "default-src 'self' 'unsafe-inline'",
      },
    });
  };
  await using server = await startApi({
    ...{ history, page, temporaryFolder: folder },
    imports: { get: () => undefined, add },
    login: { tokens: readTokens(path) },
    allowed: { origins: isAllowed ? [origin] : [] },
  });
  const own = new URL(server.origin);
  api = `http://${host}:${own.port}/api/v1`;
  try {
    await using browser = new Chromium(`${server.origin}/login.html`, [EVIL]);
    const result = await Promise.race([reported, browser.ended()]);
    return { result: JSON.parse(result), asked: asked.slice(1), imports };
  } finally {
    others.close();
    others.closeAllConnections();
  }
}

const refused = {
  own: '200',
  read: 'TypeError',
  'read with a token': 'TypeError',
  'read without cors': 'TypeError',
  sql: 'TypeError',
  'sql as text/plain': 'TypeError',
  'sql as application/x-www-form-urlencoded': 'TypeError',
  'sql as multipart/form-data; boundary=x': 'TypeError',
  import: 'TypeError',
  'import as text/plain': 'TypeError',
  'import as a blob': 'TypeError',
  beacon: true,
  session: 'TypeError',
  logout: 'TypeError',
  form: 'sent',
  'form with a file': 'sent',
  image: 'error',
  stream: 'error',
};

describe('a page of another server, in a browser that is logged in', () => {
  it('learns nothing, and nothing that it sends is done', async () => {
    assert.deepEqual(await visit(false), { result: refused, asked: [], imports: 0 });
  });

  it('reaches nothing by a name of its own that resolves to this host', async () => {
    assert.deepEqual(await visit(false, EVIL), { result: refused, asked: [], imports: 0 });
  });

  it('can send all of that where the configuration names it, and learns what its own token may', async () => {
    const { result, asked, imports } = await visit(true);
    assert.deepEqual([result.own, result['read with a token']], ['200', 200]);
    // Answers to requests with the cookie are not for it.
    assert.deepEqual([result.read, result.sql], ['TypeError', 'TypeError']);
    assert.ok(asked.length > 0 && imports > 0);
  });
});
