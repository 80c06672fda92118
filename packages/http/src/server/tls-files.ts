/** The certificate and the key of HTTPS, as files. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { OptionError } from '@weir/ebpf/errors';

/** A certificate and its key, as PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Paths of files. */
export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Reads both. A server with a key that is another certificate's would start, and no client could connect.
 *
 * @throws OptionError for files that cannot be read, hold something else, or do not belong together
 */
export function readTlsFiles(paths: TlsPaths): TlsFiles {
  const [cert, key] = [readPem(paths.certificate), readPem(paths.key)];
  const certificate = parsed(
    () => new X509Certificate(cert),
    `${paths.certificate} holds no certificate in PEM`,
  );
  const privateKey = parsed(
    (): KeyObject => createPrivateKey(key),
    `${paths.key} holds no private key in PEM without a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw new OptionError(
      `tls: ${paths.key} is not the key of the first certificate in ${paths.certificate}`,
    );
  return { cert, key };
}

function parsed<T>(parse: () => T, otherwise: string): T {
  try {
    return parse();
  } catch (error) {
    throw new OptionError(`tls: ${otherwise}`, { cause: error });
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const who = code === 'EACCES' ? `: the server reads it as ${userName()}` : '';
    throw new OptionError(`tls: ${message}${who}`, { cause: error });
  }
}

/** Users in containers may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.geteuid?.()}`;
  }
}
