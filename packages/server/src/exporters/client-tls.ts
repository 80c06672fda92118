/** Files of TLS towards receivers, and secrets. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { OptionError } from '@weir/ebpf/errors';
import type { ClientTls, Secret } from '../config/exporters-schema.js';

/** What Node.js takes of them. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** What the environment of a process says. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the files. @throws OptionError for files that cannot be read, or hold something else */
export function readClientTls(tls: ClientTls = {}): TlsMaterial {
  const { ca, certificate, key, serverName } = tls;
  const material = {
    ...(ca !== undefined && { ca: readText(ca) }),
    ...(certificate !== undefined && { cert: readText(certificate) }),
    ...(key !== undefined && { key: readText(key) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
  if (material.ca !== undefined && !material.ca.includes('-----BEGIN'))
    throw new OptionError(`tls: ${ca} holds no certificate in PEM`);
  try {
    createSecureContext(material);
  } catch (error) {
    throw new OptionError(`tls: ${(error as Error).message}`, { cause: error });
  }
  return material;
}

/** The value of a secret. @throws OptionError where it is not there, or cannot be the value of a header */
export function readSecret(name: string, secret: Secret, environment: Environment): string {
  const value = typeof secret === 'string' ? secret : secretValue(secret, environment);
  if (value === undefined || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
    throw new OptionError(`${name}: there is no value that a header can have`);
  return value;
}

function secretValue(secret: Exclude<Secret, string>, environment: Environment): string | undefined {
  return 'file' in secret ? readText(secret.file).trim() : environment[secret.env];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const who = code === 'EACCES' ? `: the server reads it as user ${process.geteuid?.()}` : '';
    throw new OptionError(`${message}${who}`, { cause: error });
  }
}
