/** A certificate for 127.0.0.1 that is its own authority. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes it, with its key, in a folder. */
export function ownCertificate(folder: string) {
  const [keyFile, certificateFile] = [join(folder, 'test.key'), join(folder, 'test.pem')];
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = ['req', '-x509', ...kind, ...name, '-keyout', keyFile, '-out', certificateFile];
  execFileSync('openssl', args, { stdio: 'pipe' });
  return { certificateFile, keyFile, cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
}
