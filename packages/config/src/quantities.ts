/** Amounts as people write them: bytes, and ages that are longer than a timer takes. */
import { OptionError } from '@weir/ebpf/errors';
import { z } from 'zod';
import { accepts } from './fields.js';

const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const unitNames = new Map(Object.keys(byteUnits).map((unit) => [unit.toLowerCase(), unit]));

/**
 * Reads `10GB`, `512 MiB` or `1.5 TB`. A number alone is bytes.
 *
 * @returns Whole bytes, at least 1.
 * @throws OptionError for any other text.
 */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text);
  const unit = unitNames.get((match?.[2] || 'B').toLowerCase());
  const bytes = match === null || unit === undefined ? 0 : Math.round(Number(match[1]) * byteUnits[unit]!);
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new OptionError('expected a size such as 512MB, 10GB or 10GiB');
  return bytes;
}

const ageUnits: Readonly<Record<string, number>> = {
  m: 60e3,
  h: 3.6e6,
  d: 86.4e6,
  w: 604.8e6,
  y: 365 * 86.4e6,
};
/** A hundred years, in milliseconds. */
const LONGEST_AGE_MS = 100 * ageUnits.y!;

/**
 * Reads `90m`, `12h`, `30d`, `4w` or `1y` (365 days).
 *
 * @returns Milliseconds, a minute to a hundred years.
 * @throws OptionError for any other text.
 */
export function parseAge(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([mhdwy])$/.exec(text);
  if (match === null) throw new OptionError('expected an age such as 12h, 30d or 1y');
  const age = Math.round(Number(match[1]) * ageUnits[match[2]!]!);
  if (age < ageUnits.m! || age > LONGEST_AGE_MS) throw new OptionError('expected an age from 1m to 100y');
  return age;
}

/** A number of bytes: `10GB`, `512MiB`, or a plain number. */
export const bytes = z
  .union([z.int(), z.string()])
  .refine((text) => accepts(parseBytes)(String(text)), {
    error: 'expected a size such as 512MB, 10GB or 10GiB',
  })
  .transform((text) => parseBytes(String(text)));

/** An age: `12h`, `30d`, `1y`; converted to milliseconds. */
export const age = z
  .string()
  .refine(accepts(parseAge), { error: 'expected an age such as 12h, 30d or 1y' })
  .transform(parseAge);
