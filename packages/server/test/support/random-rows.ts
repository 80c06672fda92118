/** Rows with any values that their columns can hold. */
import type { Column, Columns } from '@weir/history/schema';
import { at } from './batches.js';

const texts = [
  '',
  'curl',
  'twelve bytes',
  'thirteen byte',
  'naïve',
  '日本',
  'x'.repeat(300),
  '"\\',
  '\ud800',
];
const addresses = ['10.0.0.1', '255.255.255.255', '::1', '2001:db8::1:2', 'fe80::1', '0.0.0.0'];

export interface RandomRowOptions {
  /** From `randomNumbers()`. */
  readonly random: (limit: number) => number;
  /** `any`: 64 bits and texts for addresses, which batches can carry; `stored`: what a history can hold. */
  readonly values: 'any' | 'stored';
}

/** Now and then a column has no value in any of them. */
export function randomRows(columns: Columns, count: number, options: RandomRowOptions): RandomRow[] {
  const { random } = options;
  const used = Object.entries<Column>(columns).filter(
    ([, { kind, optional }]) => kind !== 'address' && (!optional || random(8) > 0),
  );
  return Array.from({ length: count }, () => {
    const own = used.filter(([, { optional }]) => !optional || random(3) > 0);
    return Object.fromEntries(own.map(([name, column]) => [name, randomValue(name, column, options)]));
  });
}

export type RandomRow = Record<string, unknown>;

function randomValue(name: string, { kind }: Column, { random, values }: RandomRowOptions): unknown {
  const big = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
  switch (kind) {
    case 'time':
      return values === 'any' ? BigInt.asIntN(64, big) : at(random(7_000_000) / 1000);
    case 'id':
      return big;
    case 'clock':
    case 'count':
      return Number(big >> 11n);
    case 'u32':
      return random(2 ** 32);
    case 'u16':
      return random(2 ** 16);
    case 'flag':
      return random(2) === 0;
    default:
      return pick(values === 'stored' && name.endsWith('_address') ? addresses : texts, random);
  }
}

function pick<T>(list: readonly T[], random: (limit: number) => number): T {
  return list[random(list.length)]!;
}
