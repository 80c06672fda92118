/** Amounts with their units, as people write them. */
import type { FilterUnit } from './filter-fields.js';

const decimal = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const binary = { ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30, ti: 2 ** 40 };
const sizes = { ...decimal, ...binary };
/** Microseconds. */
const times = { us: 1, µs: 1, μs: 1, ms: 1e3, s: 1e6, m: 6e7, min: 6e7, h: 3.6e9, d: 8.64e10 };

function withBytes(factors: Readonly<Record<string, number>>, suffix: string): Record<string, number> {
  const entries = Object.entries(factors);
  return Object.fromEntries([...entries, ...entries.map(([unit, factor]) => [`${unit}${suffix}`, factor])]);
}

const factorsOf: Readonly<Record<FilterUnit, Readonly<Record<string, number>>>> = {
  count: decimal,
  bytes: withBytes(sizes, 'b'),
  'bytes a second': { ...withBytes(sizes, 'b'), ...withBytes(sizes, 'b/s'), ...withBytes(sizes, '/s') },
  microseconds: times,
};

/** What an amount may look like, for messages. */
export const amountForms: Readonly<Record<FilterUnit, string>> = {
  count: 'a number, such as 10 or 1k',
  bytes: 'a number of bytes, such as 500, 10kB or 1MiB',
  'bytes a second': 'a number of bytes a second, such as 500, 10k or 1MiB',
  microseconds: 'a time with its unit (us, ms, s, m, h, d), such as 10ms',
};

/**
 * Reads an amount.
 *
 * @param unitless Whether a time without a unit is one in microseconds.
 * @returns undefined for what is none, or is not exact any more (2^53 and more).
 */
export function parseAmount(text: string, unit: FilterUnit, unitless = false): number | undefined {
  const match = /^(\d{1,17}(?:\.\d{1,9})?)([a-z\u00b5\u03bc/]{0,5})$/i.exec(text);
  if (match === null) return undefined;
  const number = Number(match[1]);
  const name = match[2]!.toLowerCase();
  const isBare = name === '' && unit === 'microseconds' && (unitless || number === 0);
  const factors = factorsOf[unit];
  if (!isBare && !Object.hasOwn(factors, name)) return undefined;
  const amount = isBare ? number : number * factors[name]!;
  if (amount > Number.MAX_SAFE_INTEGER) return undefined;
  // As binary fractions, 1.1 M would not be a whole number of bytes.
  return amount < 2 ** 33 ? Math.round(amount * 1e6) / 1e6 : Math.round(amount);
}

/** The text that {@link parseAmount} reads as exactly this amount. */
export function formatAmount(amount: number, unit: FilterUnit): string {
  return unit === 'microseconds' && amount !== 0 ? `${amount}us` : String(amount);
}
