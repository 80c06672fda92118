/** The kinds of values in a configuration, each with its check and message. */
import { isIPv4 } from 'node:net';
import { isAddress, parsePrefix } from '@weir/ebpf/address';
import { parseDuration } from '@weir/ebpf/duration';
import { z } from 'zod';
import { macBytes } from '../address.js';

function accepts(parse: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  };
}

export const address = z
  .string()
  .refine(isAddress, { error: 'expected an address such as 192.0.2.1 or 2001:db8::1' });
export const address4 = z.string().refine(isIPv4, { error: 'expected an IPv4 address such as 192.0.2.1' });
export const address6 = z.string().refine((text) => isAddress(text) && !isIPv4(text), {
  error: 'expected an IPv6 address such as 2001:db8::1',
});
export const prefix = z.string().refine(accepts(parsePrefix), {
  error: 'expected an address, or a prefix such as 192.0.2.0/24 or 2001:db8::/32 with no bits set behind it',
});

export const port = z.int().min(1).max(65_535);
/** A service's port; 0 means all ports. */
export const servicePort = z.int().min(0).max(65_535);

export const router = z
  .string()
  .refine((text) => text === 'auto' || isAddress(text) || accepts(macBytes)(text), {
    error: 'expected a MAC address, an IP address, or auto',
  });

/** Names of VIPs and reals, as on the command line and in logs. */
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,62}$/)
  .meta({ description: 'Letters and digits; after the first also _ . : @ -' });

/** A time: `500ms`, `5s`, `1.5m`, `1h`, or a number of seconds; converted to milliseconds. */
export const duration = z
  .union([z.number(), z.string()])
  .refine((text) => accepts(parseDuration)(String(text)), {
    error: 'expected a time such as 500ms, 5s, 2m, or a number of seconds',
  })
  .transform((text) => parseDuration(String(text)));

/** A range of HTTP statuses, both ends included. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

function statusRange(text: string | number): StatusRange | undefined {
  const match = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(text));
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return from <= to ? { from, to } : undefined;
}

const statusItem = z
  .union([z.int(), z.string()])
  .refine((text) => statusRange(text) !== undefined, {
    error: 'expected an HTTP status such as 200, or a range such as 200-399',
  })
  .transform((text) => statusRange(text)!);

/** One or several HTTP statuses or ranges. */
export const statuses = z.union([statusItem.transform((one) => [one]), z.array(statusItem).min(1)]);

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

export const absolutePath = z
  .string()
  .refine((text) => text.startsWith('/') && !text.includes('\0'), { error: 'expected an absolute path' });
