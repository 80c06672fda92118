/** Whatever is given as a filter is parsed, or refused with a FilterError, soon. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  completeFilter,
  type FilterableRecord,
  FilterError,
  filterFields,
  filterPredicate,
  formatFilter,
  parseFilter,
  parseTypedFilter,
} from '../src/filter/index.js';

const record: FilterableRecord = {
  event: 'close',
  process: { pid: 1, comm: 'systemd' },
  network: { transport: 'tcp', type: 'ipv4' },
  local: { address: '10.0.0.1', port: 1 },
  peer: { address: '::1', port: 443 },
  bytes_sent: 1,
};

/** The same numbers at every run. */
class Random {
  #state = 0x2545f491;

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return (this.#state >>> 8) % limit;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const pieces = [
  ...[
    '"',
    ':',
    '=',
    '!=',
    '>',
    '<=',
    '-',
    '!',
    ',',
    '/',
    '(',
    ')',
    ' ',
    ' ',
    ' or ',
    ' and ',
    'not ',
    '\\',
    '\\x',
    '*',
  ],
  ...[
    '?',
    '0',
    '10',
    '65536',
    '1k',
    'ms',
    '10.0.0.0/8',
    '::',
    'fe80::1%eth0',
    '🦊',
    '\ud800',
    '\udcff',
    '\0',
    '\n',
    'Σ',
    'é',
  ],
  ...filterFields.flatMap(({ name, example }) => [name, `${name}:${example}`, `${name}=*`]),
];

function randomText(random: Random): string {
  let text = '';
  for (let count = random.below(12); count >= 0; count--) text += random.of(pieces);
  return text;
}

function mutated(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const character = String.fromCharCode(random.below(0x250));
  return random.of([
    text.slice(0, at) + character + text.slice(at),
    text.slice(0, at) + text.slice(at + 1 + random.below(3)),
    text.slice(0, at) + random.of(pieces) + text.slice(at),
  ]);
}

/** Throws whatever is no FilterError. */
function tryParse(text: string): void {
  let tree: ReturnType<typeof parseFilter> | undefined;
  try {
    tree = parseFilter(text);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    assert.ok(
      error.column >= 1 && error.column <= text.length + 1,
      `${error.message}: ${JSON.stringify(text)}`,
    );
  }
  const typed = parseTypedFilter(text);
  filterPredicate(typed.filter)(record);
  assert.deepEqual(parseTypedFilter(formatFilter(typed.filter)).problems, [], JSON.stringify(text));
  if (tree === undefined) {
    // A range that is being typed ends before it begins for a while: 8000-899 becomes 8000-8999.
    if (!/\d-\d/.test(text)) assert.notEqual(typed.problems.length, 0, JSON.stringify(text));
    return;
  }
  assert.deepEqual(parseFilter(formatFilter(tree)), tree, JSON.stringify(text));
}

describe('parsing filters', () => {
  it('throws nothing but FilterError, and writes every tree as a text of the same tree', () => {
    const random = new Random();
    for (let count = 0; count < 20_000; count++) {
      const text = randomText(random);
      tryParse(text);
      tryParse(mutated(random, text));
    }
  });

  it('completes any text at any place', () => {
    const random = new Random();
    for (let count = 0; count < 5_000; count++) {
      const text = randomText(random);
      const { from, to, candidates } = completeFilter(text, random.below(text.length + 3) - 1);
      assert.ok(from >= 0 && from <= to && to <= text.length);
      assert.ok(candidates.length <= 100);
    }
  });

  const long = 10_000_000;
  for (const [what, text] of [
    ['10 MB of a word', 'a'.repeat(long)],
    ['10 MB of terms', 'proc:a '.repeat(long / 7)],
    ['10 MB of parentheses', '('.repeat(long)],
    ['16 kB of parentheses', '('.repeat(16_000)],
    ['16 kB of closing parentheses', ')'.repeat(16_000)],
    ['16 kB of negations', 'not '.repeat(4_000)],
    ['16 kB of signs', '-!'.repeat(8_000)],
    ['16 kB of values', `pid:${'1,'.repeat(8_000)}`],
    ['16 kB of quotes', '"'.repeat(16_001)],
    ['16 kB of wrong fields', 'cantainer_nme:a '.repeat(1_000)],
    ['a name of 16 kB', `${'a'.repeat(16_000)}:1`],
    ['an errno of 16 kB', `error=${'E'.repeat(16_000)}`],
    ['a number of 16 kB', `bytes>${'9'.repeat(16_000)}`],
    ['16 kB of wildcards', `cmd=${'*?'.repeat(8_000)}`],
  ] as const) {
    it(`takes no time for ${what}`, () => {
      // What others take of the machine does not count, and the square of 10 MB would take hours.
      const began = process.cpuUsage();
      for (const parse of [parseFilter, parseTypedFilter, completeFilter]) {
        try {
          parse(text);
        } catch (error) {
          if (!(error instanceof FilterError)) throw error;
          assert.ok(error.message.length < 1_000);
        }
      }
      const { user } = process.cpuUsage(began);
      assert.ok(user < 5_000_000, `${user} µs`);
    });
  }

  it('bounds the depth, and accepts what is below the bound', () => {
    const nested = (depth: number) => `${'('.repeat(depth)}a${')'.repeat(depth)}`;
    parseFilter(nested(64));
    assert.throws(() => parseFilter(nested(65)), /more than 64 deep/);
    assert.throws(
      () => parseFilter('a'.repeat(16_385)),
      /a filter has at most 16384 characters; this one has 16385 \(column 16385\)/,
    );
    assert.throws(() => parseFilter(`pid:${'1,'.repeat(1_024)}1`), /at most 1024 values/);
  });
});
