/** The part of the schema that is about the remote API. */
import { absolutePath, address, listen } from '@weir/config';
import { z } from 'zod';

/** Where the API listens by default. */
export const DEFAULT_API_LISTEN = { host: '127.0.0.1', port: 9437 } as const;

/** The file of the tokens by default. */
export const DEFAULT_TOKENS = '/etc/weir/balance.tokens';

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/;

export const apiSchema = z.strictObject({
  listen: z
    .array(listen)
    .min(1)
    .max(16)
    .default([DEFAULT_API_LISTEN])
    .describe('Addresses at which it listens; others than loopback need tls. Default 127.0.0.1:9437.'),
  tls: z
    .strictObject({
      certificate: absolutePath.describe('A PEM file with the certificate and those that signed it.'),
      key: absolutePath.describe('A PEM file with its private key.'),
    })
    .exactOptional()
    .describe('Files for HTTPS, which are read again when they change.'),
  tokens: absolutePath
    .default(DEFAULT_TOKENS)
    .describe('The file of "weir balance token". Default /etc/weir/balance.tokens.'),
  names: z
    .array(z.union([z.string().regex(hostName), address]))
    .max(64)
    .default([])
    .describe('Names by which clients call it, besides its addresses and localhost.'),
  audit: absolutePath
    .exactOptional()
    .describe('A file of who asked for changes, and who was refused. Default: among the messages.'),
});

/** The remote API of a configuration. */
export interface ApiConfig {
  /** Addresses at which it listens. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** Paths of files for HTTPS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** The path of the file of tokens. */
  readonly tokens: string;
  /** Names by which clients call it. */
  readonly names: readonly string[];
  /** The path of the audit log. */
  readonly audit?: string;
}
