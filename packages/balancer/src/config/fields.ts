/** The kinds of values that only this configuration has, each with its check and message. */
import { accepts } from '@weir/config';
import { isAddress } from '@weir/ebpf/address';
import { z } from 'zod';
import { macBytes } from '../address.js';

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
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,62}$/, {
    error: 'a letter or digit, then at most 62 more letters, digits or any of _ . : @ -',
  })
  .meta({ description: 'Letters and digits; after the first also _ . : @ -' });

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
