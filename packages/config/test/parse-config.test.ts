import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import {
  age,
  bytes,
  ConfigError,
  duration,
  jsonSchema,
  listen,
  parseAge,
  parseBytes,
  parseYaml,
} from '../src/index.js';

const schema = z.strictObject({
  listen: z.array(listen).default([]),
  retention: z.strictObject({ age: age.default(1), size: bytes.exactOptional() }).exactOptional(),
  interval: duration.exactOptional(),
});
const format = {
  schema,
  replacedKeys: { keep: 'retention' },
  check: (_value: unknown, config: z.output<typeof schema> | undefined) =>
    config?.interval === 1000 ? [{ path: ['interval'], message: 'not a second' }] : [],
};

function problems(text: string): readonly string[] {
  try {
    parseYaml(text, 'f', format);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.lines;
  }
  return [];
}

describe('a configuration', () => {
  it('has its defaults, and values in their units', () => {
    assert.deepEqual(parseYaml('{}', 'f', format), { listen: [] });
    assert.deepEqual(
      parseYaml('listen: ["[::1]:80"]\nretention: {age: 30d, size: 10GB}\ninterval: 5s', 'f', format),
      {
        listen: [{ host: '::1', port: 80 }],
        retention: { age: 30 * 86_400_000, size: 10_000_000_000 },
        interval: 5000,
      },
    );
  });

  it('is refused with the key that was probably meant, also within maps and lists', () => {
    const item = z.strictObject({ address: z.string().exactOptional() });
    const nested = { schema: z.strictObject({ items: z.array(z.union([z.string(), item])).default([]) }) };
    const lines = (text: string) => {
      try {
        parseYaml(text, 'f', nested);
      } catch (error) {
        return (error as ConfigError).lines;
      }
      return [];
    };
    assert.deepEqual(lines('items: [{adress: x}]'), [
      'f:1:10: adress is not known here; did you mean address?',
    ]);
    assert.deepEqual(lines('itmes: []'), ['f:1:1: itmes is not known here; did you mean items?']);
    assert.deepEqual(problems('retention: {szie: 1GB}'), [
      'f:1:13: szie is not known here; did you mean size?',
    ]);
    assert.deepEqual(problems('__proto__: {}'), ['f:1:1: __proto__ is not known here']);
  });

  it('is refused in our words and in few lines, whatever the text is', () => {
    assert.deepEqual(problems('---\ninterval: 1s\n---\ninterval: 2s\n'), [
      'f:3:1: a configuration has one document',
    ]);
    const deep = problems('['.repeat(100_000));
    assert.ok(deep.length <= 51, `${deep.length} lines`);
    assert.ok(deep.some((line) => /it is nested too deeply$/.test(line)));
    assert.ok(deep.every((line) => !/call stack/.test(line)));
    assert.match(deep.at(-1)!, /^f: \d+ more mistakes$/);
  });

  it('is refused with each of its mistakes, at their lines', () => {
    const text =
      'listen:\n- 127.0.0.1\nretention:\n  age: always\n  size: 0\n  colour: red\nkeep: 1\ninterval: 2\n';
    assert.deepEqual(problems(text), [
      'f:2:3: listen: expected an address with a port, such as 127.0.0.1:9435 or [::1]:9435',
      'f:4:8: age: expected an age such as 12h, 30d or 1y',
      'f:5:9: size: expected a size such as 512MB, 10GB or 10GiB',
      'f:6:3: colour is not known here',
      'f:7:1: keep is not known here: its name is retention',
    ]);
  });

  it('is refused by rules of its own', () => {
    assert.deepEqual(problems('interval: 1s'), ['f:1:11: not a second']);
  });

  it('is refused where it is no YAML, or expands without end', () => {
    assert.match(problems('a: [')[0]!, /^f:1:\d+: /);
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
      .concat('bcdefgh'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefg'[i]},`.repeat(9)}]`))
      .join('\n');
    assert.match(problems(bomb)[0]!, /^f:1:1: .*alias/i);
  });

  it('has a JSON Schema', () => {
    const text = jsonSchema('a test', schema);
    assert.equal((JSON.parse(text) as { title: string }).title, 'a test');
    assert.ok(text.endsWith('}\n'));
  });
});

describe('sizes', () => {
  for (const [text, expected] of [
    ['1', 1],
    ['10GB', 10_000_000_000],
    ['10 gb', 10_000_000_000],
    ['1.5KiB', 1536],
    ['2TiB', 2 ** 41],
  ] as const)
    it(`read ${text}`, () => assert.equal(parseBytes(text), expected));

  for (const text of ['', '0', '-1', '1 XB', '1e3', '9999999TB', '0.1', ' 1'])
    it(`refuse "${text}"`, () => assert.throws(() => parseBytes(text), { name: 'OptionError' }));
});

describe('ages', () => {
  it('are read in minutes to years', () => {
    assert.deepEqual(
      ['1m', '1.5h', '30d', '4w', '1y'].map(parseAge),
      [60_000, 5_400_000, 2_592_000_000, 2_419_200_000, 31_536_000_000],
    );
  });

  for (const text of ['', '30', '0d', '1s', '101y', '1D'])
    it(`refuse "${text}"`, () => assert.throws(() => parseAge(text), { name: 'OptionError' }));
});
