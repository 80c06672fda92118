/** Escapes, widths, units, colours. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeJson, escapeName, jsonName, jsonString, unescapeName } from '@weir/tracer/escape';
import { useAscii } from '../src/text/charset.js';
import { wantsColour } from '../src/text/colour.js';
import { fitEndpoint, formatLocal, formatPeer } from '../src/text/endpoint.js';
import { escapeText } from '../src/text/escape.js';
import { formatBytes, formatDuration, formatMilliseconds } from '../src/text/units.js';
import { displayWidth, truncate } from '../src/text/width.js';

describe('escapes of names', () => {
  const names = [
    'plain',
    'a\udcffb',
    'a\\xffb',
    'a\\\\',
    'a,b',
    'café',
    '\x85',
    '\udc85',
    '\n\x1b',
    '漢🦊',
    '\u202e\u{e0041}',
    'a\\nb',
  ];

  it('make different names different, and are read back, from JSON and from text', () => {
    for (const form of [escapeName, escapeText]) {
      assert.equal(new Set(names.map(form)).size, names.length);
      for (const name of names) assert.equal(unescapeName(form(name)), name);
    }
    useAscii(true);
    const shown = names.map(escapeText);
    useAscii(false);
    assert.equal(new Set(shown).size, names.length);
    assert.deepEqual(shown.map(unescapeName), names);
  });

  it('leave names alone that hold neither a backslash nor bytes that are not UTF-8', () => {
    assert.equal(escapeName('a\udcff\\é\n'), 'a\\xff\\\\é\n');
    assert.equal(jsonName('a\udcff"é'), '"a\\\\xff\\"é"');
    assert.equal(unescapeName('back\\slash\\'), 'back\\slash\\');
  });
});

describe('escapeText', () => {
  it('leaves readable text of any script alone', () => {
    for (const text of ['nginx: worker', 'Web Content', 'kworker/0:1', 'größe', '進程', 'पता', '🦊', '']) {
      assert.equal(escapeText(text), text);
    }
  });

  it('shows characters that could act on a terminal, or hide', () => {
    const cases: Readonly<Record<string, string>> = {
      'a\nb\rc\td': 'a\\nb\\rc\\td',
      '\x1b[31mred\x07': '\\x1b[31mred\\x07',
      '\x7f\x80\x9b2J': '\\x7f\\u0080\\u009b2J',
      '\u202eevil\u2066': '\\u202eevil\\u2066',
      'a\u200bb\u200dc\ufeffd\u00ade': 'a\\u200bb\\u200dc\\ufeffd\\u00ade',
      '\u2028\u2029': '\\u2028\\u2029',
      '\u00a0\u3000\u3164\u2800': '\\u00a0\\u3000\\u3164\\u2800',
      '\u{e0041}\u{f0000}': '\\u{e0041}\\u{f0000}',
      'back\\slash': 'back\\\\slash',
      '\udcff\udc80': '\\xff\\x80',
      '\ud83d': '\\ud83d',
    };
    for (const [text, expected] of Object.entries(cases)) assert.equal(escapeText(text), expected);
  });

  it('never lets a control or format character through', () => {
    for (let code = 0; code <= 0x10ffff; code += code < 0x3000 ? 1 : 97) {
      assert.doesNotMatch(escapeText(String.fromCodePoint(code)), /\p{Cc}|\p{Cf}|\p{Cs}|\p{Zl}|\p{Zp}/u);
    }
  });
});

describe('JSON strings', () => {
  it('parse to the same text and hold nothing that acts on a terminal', () => {
    for (const text of [
      'plain',
      '"\\\n',
      '\x9b2J',
      '\u202e\u2028\u2029\u200b',
      '\u{e0041}',
      '\ud800',
      '進程',
    ]) {
      const json = jsonString(text);
      assert.equal(JSON.parse(json), text);
      assert.doesNotMatch(json, /\p{C}|\p{Zl}|\p{Zp}/u);
    }
    assert.equal(jsonString('\u2028\x85\u202e'), '"\\u2028\\u0085\\u202e"');
  });

  it('keeps the line breaks of an indented document', () => {
    const json = escapeJson(JSON.stringify({ a: '\u202e' }, null, 2));
    assert.equal(json, '{\n  "a": "\\u202e"\n}');
  });
});

describe('the text of quantities', () => {
  it('gives bytes three significant digits', () => {
    const cases: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1000, '1.00 kB'],
      [1234, '1.23 kB'],
      [99_949, '99.9 kB'],
      [99_951, '100 kB'],
      [999_499, '999 kB'],
      [999_500, '1.00 MB'],
      [1_234_567_890, '1.23 GB'],
      [2 ** 53, '9.01 PB'],
      [5e18, '5000 PB'],
    ];
    for (const [bytes, expected] of cases) assert.equal(formatBytes(bytes), expected);
  });

  it('gives durations the unit that fits', () => {
    const cases: [number, string][] = [
      [0, '0 µs'],
      [999, '999 µs'],
      [1000, '1.00 ms'],
      [12_345, '12.3 ms'],
      [999_499, '999 ms'],
      [999_500, '1.00 s'],
      [59_900_000, '59.9 s'],
      [59_950_000, '1m00s'],
      [123_000_000, '2m03s'],
      [3_599_400_000, '59m59s'],
      [3_600_000_000, '1h00m'],
      [3_720_000_000, '1h02m'],
      [86_400_000_000, '1d00h'],
      [273_600_000_000, '3d04h'],
    ];
    for (const [microseconds, expected] of cases) assert.equal(formatDuration(microseconds), expected);
  });

  it('gives milliseconds that can be compared', () => {
    const cases: [number, string][] = [
      [0, '0.000 ms'],
      [85, '0.085 ms'],
      [999, '0.999 ms'],
      [1000, '1.00 ms'],
      [12_345, '12.3 ms'],
      [1_500_000, '1500 ms'],
    ];
    for (const [microseconds, expected] of cases) assert.equal(formatMilliseconds(microseconds), expected);
  });
});

describe('the width of text', () => {
  it('counts wide and combining characters', () => {
    assert.equal(displayWidth('abc'), 3);
    assert.equal(displayWidth('進程'), 4);
    assert.equal(displayWidth('e\u0301'), 1);
    assert.equal(displayWidth('🦊'), 2);
  });

  it('cuts to columns', () => {
    assert.equal(truncate('abcdef', 6), 'abcdef');
    assert.equal(truncate('abcdefg', 6), 'abcde…');
    assert.equal(truncate('進程進程', 6), '進程…');
  });

  it('cuts an IPv6 endpoint in the middle of its address', () => {
    assert.equal(fitEndpoint('[2001:db8:1:2:3:4:5:6]:443', 21), '[2001:db…3:4:5:6]:443');
    assert.equal(fitEndpoint('[::1]:443', 21), '[::1]:443');
    assert.equal(fitEndpoint('255.255.255.255:65535', 21), '255.255.255.255:65535');
    for (let width = 21; width < 47; width++) {
      const cut = fitEndpoint('[2001:0db8:85a3:1111:2222:8a2e:0370:7334]:54321', width);
      assert.equal(cut.length, width);
      assert.match(cut, /^\[2001.*…[0-9a-f:]*34\]:54321$/);
    }
  });
});

describe('endpoints', () => {
  it('show the interface where an address means something on one link only, or the socket is bound', () => {
    const [link, other] = [
      { address: 'fe80::1', port: 80 },
      { address: '192.0.2.1', port: 80 },
    ];
    assert.equal(formatLocal(link, 'eth0'), '[fe80::1%eth0]:80');
    assert.equal(formatPeer(link, 'eth0'), '[fe80::1%eth0]:80');
    assert.equal(formatPeer({ address: 'ff02::1', port: 80 }, 'eth0'), '[ff02::1%eth0]:80');
    assert.equal(formatLocal(link, undefined), '[fe80::1]:80');
    assert.equal(formatLocal(other, 'vrf-blue'), '192.0.2.1%vrf-blue:80');
    assert.equal(formatPeer(other, 'vrf-blue'), '192.0.2.1:80');
    assert.equal(formatPeer({ address: 'fec0::1', port: 80 }, 'eth0'), '[fec0::1]:80');
    assert.equal(formatLocal(link, '\x1b[m'), '[fe80::1%\\x1b[m]:80');
  });
});

describe('colours', () => {
  it('are for terminals, unless a flag or the environment decides', () => {
    assert.equal(wantsColour('auto', true, {}), true);
    assert.equal(wantsColour('auto', false, {}), false);
    assert.equal(wantsColour('auto', true, { TERM: 'dumb' }), false);
    assert.equal(wantsColour('auto', true, { NO_COLOR: '1' }), false);
    assert.equal(wantsColour('auto', true, { NO_COLOR: '' }), true);
    assert.equal(wantsColour('auto', false, { FORCE_COLOR: '1' }), true);
    assert.equal(wantsColour('auto', true, { FORCE_COLOR: '0' }), false);
    assert.equal(wantsColour('auto', false, { FORCE_COLOR: '1', NO_COLOR: '1' }), true);
    assert.equal(wantsColour('always', false, { NO_COLOR: '1' }), true);
    assert.equal(wantsColour('never', true, { FORCE_COLOR: '1' }), false);
  });
});
