/** Random rows and filters that choose some of them. */
import { unescapeName } from '@weir/tracer/escape';
import { type FilterColumn, type FilterField, filterFields } from '@weir/tracer/filter';
import { HostNames } from '../../src/query/host-names.js';
import type { HostRow } from '../../src/schema/index.js';

/** A row by the columns of filters; what is not known is absent. */
export type RandomRow = { readonly [Name in FilterColumn]?: string | number };

/** The same numbers at every run. */
export class Random {
  #state: number;

  constructor(state: number) {
    this.#state = state;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const names = [
  'nginx',
  'Nginx',
  'curl',
  'a b',
  'a,b',
  'web-0',
  '100%',
  '_x',
  'c\udce9',
  'back\\slash',
  'ΣΊΣΥΦΟΣ',
  'İx',
  'é',
  '🦊x',
  '*?',
];
const addresses = [
  ...['10.0.0.1', '10.0.0.53', '10.200.3.4', '192.0.2.1', '255.255.255.255', '0.0.0.0'],
  ...[
    '::1',
    '::',
    'fe80::1',
    'ff02::fb',
    '2001:db8::1',
    '2001:db8:0:1::2',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ],
];
const ports = [22, 53, 80, 443, 1_023, 1_024, 8_080, 40_000, 65_535, 0];
const numbers = [
  0, 1, 2, 7, 42, 999, 1_000, 1_001, 1_024, 65_536, 1_000_000, 1_048_576, 4_026_531_840, 86_400_000_000,
];
const addressColumns: ReadonlySet<FilterColumn> = new Set(['local_address', 'peer_address']);
const portColumns: ReadonlySet<FilterColumn> = new Set(['local_port', 'peer_port']);
const textTypes: ReadonlySet<string> = new Set(['text', 'address']);

/** Hosts of which rows may be. Two have one name, and one has two boots. */
export const randomHosts: readonly HostRow[] = [
  ...(
    [
      ['web-1', '3f2a'],
      ['web-1', '77aa'],
      ['Web-0', '3f2a'],
      ['ΣΊΣΥΦΟΣ', '0000'],
      ['back\\\\slash', '1111'],
    ] as const
  ).map(([name, machine], index) => ({
    ...{ host_id: BigInt(index + 1) << 60n, time: BigInt(index), name, boot_id: String(index) },
    machine_id: machine.repeat(8),
  })),
  { host_id: 7n, time: 9n, name: 'web-1', machine_id: '3f2a'.repeat(8), boot_id: '9' },
];
const knownHosts = new HostNames(randomHosts).known;
const hostFields: ReadonlySet<FilterColumn> = new Set(['host_name', 'host_label', 'host_boot']);

/** The number of a row's host; undefined: none, or one that is not known. */
export function hostOf({ host_boot: boot }: RandomRow): bigint | undefined {
  return boot === undefined ? undefined : BigInt(`0x${boot}`);
}

/** The field whose only column it is, else one that has it. */
function fieldOf(column: FilterColumn): FilterField {
  const having = filterFields.filter(({ columns }) => columns.includes(column));
  return having.find(({ columns }) => columns.length === 1) ?? having[0]!;
}

/** All columns of filters. */
export const filterColumns: readonly FilterColumn[] = [
  ...new Set(filterFields.flatMap(({ columns }) => columns)),
];

/** Columns whose values are texts. */
export const textColumns: ReadonlySet<FilterColumn> = new Set(
  filterColumns.filter((column) => {
    const { type } = fieldOf(column);
    return !portColumns.has(column) && (textTypes.has(type) || type === 'word');
  }),
);

function randomValue(random: Random, column: FilterColumn): string | number {
  if (addressColumns.has(column)) return random.of(addresses);
  if (portColumns.has(column)) return random.of(ports);
  if (column === 'error') return random.of(['ECONNREFUSED', 'ETIMEDOUT', 'errno 524']);
  if (column === 'peer_name') return random.of(['seven.example.com', 'a.EXAMPLE.org']);
  const { words = {}, type } = fieldOf(column);
  if (type === 'word') {
    const values = Object.values(words).map((meaning) => meaning[column]);
    return random.of(values.filter((value) => value !== undefined));
  }
  return textColumns.has(column) ? random.of(names) : random.of(numbers);
}

/** A row in which a third of what may be unknown is. */
export function randomRow(random: Random): RandomRow {
  const row: Record<string, string | number> = {};
  for (const column of filterColumns)
    if (!hostFields.has(column) && random.below(3) > 0) row[column] = randomValue(random, column);
  if (random.below(6) === 0) return row;
  const { id, name, label } = random.of(knownHosts);
  const shown = { host_name: unescapeName(name), host_label: unescapeName(label) };
  return { ...row, ...shown, host_boot: id.toString(16).padStart(16, '0') };
}

/** The text of a filter. */
export function randomFilter(random: Random, depth = 3): string {
  const kind = depth === 0 ? 9 : random.below(12);
  const part = (): string => randomFilter(random, depth - 1);
  if (kind < 2) return `(${part()} or ${part()})`;
  if (kind < 4) return `(${part()} ${random.of(['', 'and '])}${part()})`;
  if (kind < 6) return `${random.of(['not ', '-', '!'])}(${part()})`;
  if (kind === 6) return `${part()} or ${part()} and ${part()}`;
  return randomTerm(random);
}

function randomTerm(random: Random): string {
  if (random.below(8) === 0) return randomWord(random);
  const field = random.of(filterFields);
  if (random.below(10) === 0) return `${field.name}=*`;
  const items = (operator: string) => {
    const length = 1 + random.below(2);
    return operator + Array.from({ length }, () => randomItem(random, field, operator !== ':')).join(',');
  };
  if (field.type === 'text' || field.type === 'address' || field.type === 'word') {
    return `${field.name}${items(random.of([':', '=', '!=']))}`;
  }
  if (random.below(2) === 0) {
    return `${field.name}${random.of(['<', '<=', '>', '>='])}${randomNumber(random, field)}`;
  }
  return `${field.name}${items(random.of(field.type === 'amount' ? ['=', '!='] : [':', '=', '!=']))}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replace(/[\udc80-\udcff]/gu, (byte) => `\\x${(byte.charCodeAt(0) - 0xdc00).toString(16)}`)}"`;
}

function randomWord(random: Random): string {
  const text = random.of([
    ...[
      ...names,
      ...addresses,
      'tcp',
      'udp',
      '443',
      '42',
      'close',
      'domain',
      'http',
      ':80',
      '10.0.0.1:',
      '%nginx:',
      'refused',
    ],
    ...['fe80::1%', '[', 'example', 'established', ''],
  ]);
  return random.below(4) === 0
    ? `${random.of(addresses.filter((address) => !address.includes(':')))}/${random.below(33)}`
    : quoted(text);
}

function randomItem(random: Random, field: FilterField, isWhole: boolean): string {
  switch (field.type) {
    case 'word':
      return random.of(Object.keys(field.words ?? {}));
    case 'address': {
      const address = random.of(addresses);
      const bits = address.includes(':')
        ? random.of([0, 1, 8, 10, 64, 80, 95, 96, 127, 128])
        : random.below(33);
      return random.of([address, `${address}/${bits}`, '"0."', ':f', '10.*', '*::?', quoted('example')]);
    }
    case 'text': {
      if (field.name === 'error')
        return random.of(
          ['ECONNREFUSED', 'ETIMEDOUT', 'ECONN*', '"errno 524"', '*T'].slice(0, isWhole ? 5 : 2),
        );
      const text =
        field.name === 'host'
          ? random.of(['web-1', 'web-1/3f2a3f2a', 'WEB-0', '3f2a', '0000000000000007', ...names])
          : random.of(names);
      const from = random.below(3);
      const part = [...text].slice(from, from + 1 + random.below(4)).join('') || text;
      const pattern = [
        `*${quoted(part)}*`,
        `${quoted(part)}*`,
        `*${quoted(part)}`,
        `?*${quoted(part)}*?`,
        '?????',
        '*?x',
      ];
      return random.of([quoted(text), quoted(part), ...pattern]);
    }
    default: {
      const number = randomNumber(random, field);
      if (random.below(3) > 0) return number;
      if (field.type === 'port') return random.of(['domain', 'HTTP', 'nosuch', '0-1023']);
      return `0-${number}`;
    }
  }
}

function randomNumber(random: Random, field: FilterField): string {
  if (field.type === 'port') return String(random.of(ports));
  if (field.type !== 'amount') return String(random.of(numbers));
  const number = random.of([...numbers, 0.5, 1.5].filter((value) => value < 2 ** 33));
  const units: Readonly<Record<string, readonly string[]>> = {
    bytes: ['', 'k', 'kB', 'KiB'],
    'bytes a second': ['', 'k', 'KiB/s'],
    microseconds: ['us', 'ms', 's'],
    count: ['', 'k'],
  };
  return `${number}${random.of(units[field.unit!]!)}`;
}
