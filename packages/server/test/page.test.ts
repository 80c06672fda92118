/** Files of the page over real HTTP. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { readPageFiles } from '../src/page/page-files.js';
import { pageOf } from '../src/page/page-response.js';
import { type RunningApi, startApi } from './support/api.js';
import { fakeHistory } from './support/fake-history.js';

const script = `console.log(${JSON.stringify('x'.repeat(5000))});`;
const folder = mkdtempSync(join(tmpdir(), 'weir-page-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'below'));
writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Weir</title>');
writeFileSync(join(folder, 'main-AB12CD34.js'), script);
writeFileSync(join(folder, '.hidden.js'), 'secret');
writeFileSync(join(folder, 'notes.md'), 'secret');
writeFileSync(join(folder, 'below/other.js'), 'secret');
symlinkSync('/etc/passwd', join(folder, 'passwd.txt'));

describe('the page', () => {
  let api: RunningApi;
  before(async () => {
    const { history } = fakeHistory();
    api = await startApi({ history, page: pageOf(await readPageFiles(folder)) });
  });
  after(() => api[Symbol.asyncDispose]());
  const get = (path: string, init?: RequestInit) => fetch(api.origin + path, init);

  it('is at /, with the policy that forbids scripts of others, and is asked for anew', async () => {
    const response = await get('/');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'no-cache');
    assert.match(response.headers.get('content-security-policy')!, /script-src 'self'/);
    assert.match(await response.text(), /<title>Weir/);
  });

  it('has files that never change, and are kept', async () => {
    const response = await get('/main-AB12CD34.js');
    assert.equal(response.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(await response.text(), script);
  });

  it('is not sent again to whoever has it', async () => {
    const etag = (await get('/')).headers.get('etag')!;
    for (const wanted of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const response = await get('/', { headers: { 'if-none-match': wanted } });
      assert.equal(response.status, 304);
      assert.equal(await response.text(), '');
    }
    assert.equal((await get('/', { headers: { 'if-none-match': '"other"' } })).status, 200);
  });

  it('is compressed for those who can read that', async () => {
    const encoded = (accepted: string) =>
      new Promise<{ encoding: string | undefined; bytes: Buffer }>((resolve, reject) => {
        const url = `${api.origin}/main-AB12CD34.js`;
        const asked = request(url, { headers: { 'accept-encoding': accepted } }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(chunks) }),
          );
        });
        asked.on('error', reject);
        asked.end();
      });
    const { encoding, bytes } = await encoded('br, gzip;q=0.5');
    assert.equal(encoding, 'gzip');
    assert.ok(bytes.length < 500);
    assert.equal(gunzipSync(bytes).toString(), script);
    for (const accepted of ['', 'br', 'gzip;q=0', 'xgzip']) {
      const plain = await encoded(accepted);
      assert.equal(plain.encoding, undefined, accepted);
      assert.equal(plain.bytes.toString(), script);
    }
  });

  it('answers HEAD without a body, and nothing else', async () => {
    const response = await get('/', { method: 'HEAD' });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '');
    assert.equal((await get('/', { method: 'POST' })).status, 404);
  });

  it('has no other file of the folder, of those below, or above', async () => {
    const paths = ['/index.html', '/.hidden.js', '/notes.md', '/below/other.js', '/other.js', '/passwd.txt'];
    for (const path of [
      ...paths,
      '/%2e%2e/page.test.js',
      '/..%2f..%2fetc/passwd',
      '//',
      '/main-AB12CD34.js/',
    ])
      assert.equal((await get(path)).status, 404, path);
  });
});
