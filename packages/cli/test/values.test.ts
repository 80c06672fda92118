import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidArgumentError } from 'commander';
import {
  parseComms,
  parseDuration,
  parsePids,
  parsePorts,
  parsePrefixes,
  parseSize,
  repeatable,
  splitList,
  wordsParser,
} from '../src/args/values.js';

/** Asserts that all of these are refused with an explanation. */
function refuses(parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof InvalidArgumentError && error.message.length > 10,
      text,
    );
  }
}

describe('option values', () => {
  it('splits lists at commas that are not escaped', () => {
    assert.deepEqual(splitList('a,b c,d'), ['a', 'b c', 'd']);
    assert.deepEqual(splitList('a\\,b,c\\\\,d\\e'), ['a,b', 'c\\', 'd\\e']);
    refuses(splitList, ['', 'a,', ',a', 'a,,b']);
  });

  it('reads durations, and refuses what is none as a fault of the argument', () => {
    assert.equal(parseDuration('1.5s'), 1500);
    refuses(parseDuration, ['', '0', '1d', '597h']);
    assert.throws(() => parseDuration('soon'), /^InvalidArgumentError: Expected a time such as .* or 1h\.$/);
  });

  it('reads sizes with binary factors', () => {
    const cases = {
      '65536': 65_536,
      '512K': 524_288,
      '8M': 8_388_608,
      '8m': 8_388_608,
      '8MiB': 8_388_608,
      '2G': 2 ** 31,
    };
    for (const [text, expected] of Object.entries(cases)) assert.equal(parseSize(text), expected, text);
    refuses(parseSize, ['', '0', '4095', '3G', '8T', '-8M', '1.5M', 'M']);
  });

  it('reads ports, ranges and lists', () => {
    assert.deepEqual(parsePorts('443'), [{ from: 443, to: 443 }]);
    assert.deepEqual(parsePorts('0,8000-8999,65535'), [
      { from: 0, to: 0 },
      { from: 8000, to: 8999 },
      { from: 65_535, to: 65_535 },
    ]);
    refuses(parsePorts, [
      '',
      '65536',
      '-1',
      '80-',
      '-80',
      '9-8',
      '1-2-3',
      'http',
      '80,',
      '0x50',
      '8 0',
      '99999999999999999999',
    ]);
  });

  it('reads addresses and prefixes of both families', () => {
    const good = '10.0.0.0/8,192.0.2.1,::/0,2001:db8::/32,::ffff:192.0.2.0/120,0.0.0.0/0';
    assert.deepEqual(parsePrefixes(good), good.split(','));
    refuses(parsePrefixes, [
      '',
      '10.0.0.0/33',
      '::/129',
      '10.0.0',
      'localhost',
      '10.0.0.0/8/8',
      '10.0.0.0/',
      'fe80::1%eth0',
      '/8',
      '10.0.0.0/-1',
      '010.0.0.1',
      '10.1.0.0/8',
    ]);
    assert.throws(() => parsePrefixes('::1,10.1.0.0/8'), /10\.0\.0\.0\/8 would be right/);
  });

  it('reads process ids and command names', () => {
    assert.deepEqual(parsePids('1,4194304'), [1, 4_194_304]);
    refuses(parsePids, ['0', '4194305', '-1', 'self', '1.5', '']);
    assert.deepEqual(parseComms('nginx,Web Content,a\\,b'), ['nginx', 'Web Content', 'a,b']);
    assert.deepEqual(parseComms('ééééééé'), ['ééééééé'], '14 bytes');
    assert.deepEqual(parseComms('w\\xff,a\\\\xff,caf\\xc3\\xa9'), ['w\udcff', 'a\\xff', 'café']);
    refuses(parseComms, ['sixteen-bytes-xx', 'éééééééé', '\\xff'.repeat(16), '']);
    assert.throws(() => parseComms('sixteen-bytes-xx'), /try 'sixteen-bytes-x'/);
  });

  it('reads words and gathers repeated options', () => {
    const parse = repeatable(wordsParser(['connect', 'close']));
    assert.deepEqual(parse('close', parse('connect,close')), ['connect', 'close', 'close']);
    refuses(parse, ['conect', 'CONNECT', '']);
    assert.throws(() => parse('conect'), /connect, close/);
  });
});
