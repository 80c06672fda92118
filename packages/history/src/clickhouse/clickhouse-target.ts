/** Which ClickHouse is meant, and who asks there. */
import { readFileSync } from 'node:fs';
import { OptionError } from '@weir/ebpf/errors';

/** Variable of the environment with the password. */
export const PASSWORD_VARIABLE = 'WEIR_CLICKHOUSE_PASSWORD';

/** A ClickHouse, by its HTTP interface. */
export interface ClickhouseTarget {
  /** `http://host:port` or `https://host:port`. */
  readonly url: string;
  readonly user: string;
  readonly database: string;
  /** For messages: without the user. */
  readonly shown: string;
}

/** How to log in, and whom to trust. */
export interface ClickhouseAccess {
  /** File with the password, which is read for each connection. Default: that of the environment. */
  readonly passwordFile?: string;
  /** PEM file with the certificates that may sign the server's. Default: those of Node.js. */
  readonly caFile?: string;
}

const forms = 'expected clickhouse://[USER@]HOST[:PORT]/DATABASE, or clickhouses:// for TLS';

/**
 * Reads `clickhouse://[user@]host[:port]/database`. Ports are those of the HTTP interface: 8123, with TLS 8443.
 *
 * @throws OptionError. It never has a password in it.
 */
export function parseTarget(text: string): ClickhouseTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^clickhouses?:$/.test(url.protocol) || url.hostname === '')
    throw new OptionError(forms);
  if (url.password !== '')
    throw new OptionError(
      `a password does not belong into the address, where all users can see it: use a file, or ${PASSWORD_VARIABLE}`,
    );
  if (url.search !== '' || url.hash !== '') throw new OptionError(forms);
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '' || database.includes('/')) throw new OptionError(forms);
  const hasTls = url.protocol === 'clickhouses:';
  const place = `${url.hostname}:${url.port || (hasTls ? 8443 : 8123)}`;
  return {
    url: `${hasTls ? 'https' : 'http'}://${place}`,
    user: decodeURIComponent(url.username) || 'default',
    database,
    shown: `${url.protocol}//${place}/${database}`,
  };
}

/** The password: of a file, without the line's end; else of the environment; else none. @throws Error of the system */
export function readPassword({ passwordFile }: ClickhouseAccess, environment = process.env): string {
  if (passwordFile !== undefined) return readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '');
  return environment[PASSWORD_VARIABLE] ?? '';
}
