import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readTlsFiles } from '../src/server/index.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-tls-files-'));
const [certificate, key, other] = ['a.pem', 'a.key', 'other'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
after(() => rmSync(folder, { recursive: true }));
before(() => {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = ['-subj', '/CN=a', '-days', '1', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', ...kind, ...args], { stdio: 'pipe' });
});

describe('files of TLS', () => {
  it('are a certificate and its key', () => {
    const files = readTlsFiles({ certificate, key });
    assert.deepEqual(files, { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') });
  });

  it('are refused with what is wrong, where no client could connect', () => {
    const refused = (paths: { certificate: string; key: string }, says: RegExp) =>
      assert.throws(() => readTlsFiles(paths), { name: 'OptionError', message: says });
    refused({ certificate: '/nonexistent', key }, /^tls: ENOENT: .*'\/nonexistent'$/);
    refused({ certificate: key, key }, /^tls: .*a\.key holds no certificate in PEM$/);
    refused({ certificate, key: certificate }, /^tls: .*a\.pem holds no private key in PEM/);
    for (const pair of [
      generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
      // Of another kind, OpenSSL takes it.
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ]) {
      writeFileSync(other, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      refused(
        { certificate, key: other },
        /^tls: .*other is not the key of the first certificate in .*a\.pem$/,
      );
    }
    const format = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
    writeFileSync(other, generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export(format));
    refused({ certificate, key: other }, /without a passphrase/);
  });
});
