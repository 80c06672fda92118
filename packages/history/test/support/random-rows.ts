/** Rows with random values of every kind, the same for the same start. */
import type { Column, ColumnKind, Columns, RowOf } from '../../src/schema/index.js';

/** Random numbers that repeat. */
export class Random {
  #state: number;

  constructor(start: number) {
    this.#state = start >>> 0 || 1;
  }

  /** Xorshift. */
  bits(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  below(limit: number): number {
    return Math.floor((this.bits() / 2 ** 32) * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  wide(): bigint {
    return (BigInt(this.bits()) << 32n) | BigInt(this.bits());
  }
}

const texts = [
  '',
  'tcp',
  'exactly12byt',
  'thirteen byte',
  'a much longer text than fits into the vector',
  'ümläut',
  '日本語',
  '😀',
  'nul\0inside',
  'quote\'"\\',
  'back\\\\slash \\xff',
  '\u001b[31m',
  'x'.repeat(4096),
];

function addressText(random: Random): string {
  const part = () => random.below(256);
  const plain = [
    `${part()}.${part()}.${part()}.${part()}`,
    '2001:db8::1',
    '::',
    'fe80::1',
    'ffff::',
    '0.0.0.0',
  ];
  return random.pick([...plain, `2001:db8:${(1 + random.below(65_535)).toString(16)}::5`, '255.255.255.255']);
}

const values: Readonly<Record<ColumnKind, (random: Random) => unknown>> = {
  time: (random) => 1_764_000_000_000_000_000n + (random.wide() % 3_600_000_000_000n),
  clock: (random) => random.below(2 ** 21) * 2 ** 32 + random.bits(),
  id: (random) => random.pick([random.wide(), 0n, 2n ** 64n - 1n]),
  count: (random) =>
    random.pick([0, random.below(1000), Number.MAX_SAFE_INTEGER, random.below(2 ** 21) * 2 ** 32]),
  u32: (random) => random.pick([0, random.bits(), 2 ** 32 - 1]),
  u16: (random) => random.below(65_536),
  text: (random) => random.pick(texts),
  name: (random) => random.pick(texts),
  flag: (random) => random.below(2) === 0,
  address: () => undefined,
};

function value(random: Random, name: string, column: Column): unknown {
  if (name.endsWith('_address')) return addressText(random);
  return values[column.kind](random);
}

/** A row of a table. @param fixed Values that are not random. */
export function randomRow<C extends Columns>(
  random: Random,
  columns: C,
  fixed: Partial<RowOf<C>> = {},
): RowOf<C> {
  const row: Record<string, unknown> = {};
  for (const [name, column] of Object.entries(columns)) {
    if (column.kind === 'address' || (column.optional && random.below(3) === 0)) continue;
    row[name] = value(random, name, column);
  }
  return { ...(row as RowOf<C>), ...fixed };
}

/** Several rows of a table. */
export function randomRows<C extends Columns>(
  random: Random,
  columns: C,
  count: number,
  fixed: (index: number) => Partial<RowOf<C>> = () => ({}),
): RowOf<C>[] {
  return Array.from({ length: count }, (_, index) => randomRow(random, columns, fixed(index)));
}
