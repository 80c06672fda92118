/** A certificate for an address of this host that nobody else has signed. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Makes it, with its key, in a folder. */
export function selfSigned(
  folder: string,
  address = '127.0.0.1',
): { readonly certificate: string; readonly key: string } {
  const [key, certificate] = [join(folder, 'server.key'), join(folder, 'server.pem')];
  const name = ['-subj', `/CN=${address}`, '-addext', `subjectAltName=IP:${address}`, '-days', '1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', certificate];
  execFileSync('openssl', args, { stdio: 'pipe' });
  return { certificate, key };
}
