/** The schema of other hosts that `weir serve` asks. */
import { isIP } from 'node:net';
import { absolutePath, duration } from '@weir/config';
import { OptionError } from '@weir/ebpf/errors';
import { isLoopback } from '@weir/http/auth';
import { z } from 'zod';

/** Names in messages and on the map. */
const peerName = /^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,252}[A-Za-z0-9])?$/;

/** The address of an API: a scheme, a host and a port, and nothing else. @throws OptionError */
export function parsePeerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    url.username + url.password + url.search + url.hash === '' &&
    url.pathname === '/';
  if (!isPlain) throw new OptionError('expected the address of an API, such as https://db-1.example:9436');
  return url;
}

const url = z
  .string()
  .max(300)
  .superRefine((text, context) => {
    try {
      parsePeerUrl(text);
    } catch (error) {
      context.addIssue((error as Error).message);
    }
  });

const token = z
  .union([
    z.strictObject({
      file: absolutePath.describe("A file with the token that the server's user can read."),
    }),
    z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  ])
  .describe('Where a token of the other host is: {file: …} or {env: …}.');

/** The least and the most of {@link peersSchema}. */
const MOST_PEERS = 32;

const peer = z.strictObject({
  url: url.describe('The address of its API: https://db-1.example:9436.'),
  name: z
    .string()
    .regex(peerName)
    .exactOptional()
    .describe('What it is called where it does not answer. Default: the host of the address.'),
  token: token.exactOptional().describe('Default: the variable WEIR_PEERS_TOKEN, where there is one.'),
  ca: absolutePath
    .exactOptional()
    .describe("A PEM file with the certificates that may sign its own. Default: Node.js's."),
  timeout: duration
    .refine((ms) => ms >= 100 && ms <= 600_000, { error: 'expected a time from 100ms to 10m' })
    .default(10_000)
    .describe('Time of a question to it. Default 10s.'),
});

/** Other hosts. */
export const peersSchema = z.array(peer).max(MOST_PEERS);

/** One of them. Times are milliseconds. */
export type PeerConfig = z.output<typeof peer>;

/** What it is called. */
export function peerNameOf({ name, url: text }: Pick<PeerConfig, 'name' | 'url'>): string {
  return name ?? new URL(text).hostname.replace(/^\[|\]$/g, '');
}

/** Whether tokens and answers would go over a network as they are. */
export function isInClear({ url: text }: Pick<PeerConfig, 'url'>): boolean {
  const { protocol, hostname } = new URL(text);
  const host = hostname.replace(/^\[|\]$/g, '');
  // A name may be that of any host.
  const isHere = host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
  return protocol === 'http:' && !isHere;
}
