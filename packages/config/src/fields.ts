/** The kinds of values that configurations have in common, each with its check and message. */
import { isIPv4 } from 'node:net';
import { isAddress, parsePrefix } from '@weir/ebpf/address';
import { parseDuration } from '@weir/ebpf/duration';
import { z } from 'zod';

/** A check that a text can be parsed. @param parse Throws for what it cannot parse. */
export function accepts(parse: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  };
}

/** An IP address. */
export const address = z
  .string()
  .refine(isAddress, { error: 'expected an address such as 192.0.2.1 or 2001:db8::1' });
/** An IPv4 address. */
export const address4 = z.string().refine(isIPv4, { error: 'expected an IPv4 address such as 192.0.2.1' });
/** An IPv6 address. */
export const address6 = z.string().refine((text) => isAddress(text) && !isIPv4(text), {
  error: 'expected an IPv6 address such as 2001:db8::1',
});
/** A prefix of addresses, or one address. */
export const prefix = z.string().refine(accepts(parsePrefix), {
  error: 'expected an address, or a prefix such as 192.0.2.0/24 or 2001:db8::/32 with no bits set behind it',
});

/** A port, 1 to 65535. */
export const port = z.int().min(1).max(65_535);

/** A time: `500ms`, `5s`, `1.5m`, `1h`, or a number of seconds; converted to milliseconds. */
export const duration = z
  .union([z.number(), z.string()])
  .refine((text) => accepts(parseDuration)(String(text)), {
    error: 'expected a time such as 500ms, 5s, 2m, or a number of seconds',
  })
  .transform((text) => parseDuration(String(text)));

/** The address and port on which a server listens. */
export interface Listen {
  readonly host: string;
  /** 0 to 65535; 0 for any free port. */
  readonly port: number;
}

function listenParts(text: string): Listen | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const number = Number(match?.[3]);
  return isAddress(host) && number <= 65_535 ? { host, port: number } : undefined;
}

/** An address with a port on which a server listens. */
export const listen = z
  .string()
  .refine((text) => listenParts(text) !== undefined, {
    error: 'expected an address with a port, such as 127.0.0.1:9435 or [::1]:9435',
  })
  .transform((text) => listenParts(text)!);

/** The path of a Unix socket: sun_path has 108 bytes, the last of them 0 (unix(7)). */
export const socketPath = z
  .string()
  .refine((text) => text.startsWith('/') && Buffer.byteLength(text) <= 107 && !text.includes('\0'), {
    error: 'expected an absolute path of at most 107 bytes',
  });

/** The path of a file or folder, from the root. */
export const absolutePath = z
  .string()
  .refine((text) => text.startsWith('/') && !text.includes('\0'), { error: 'expected an absolute path' });
