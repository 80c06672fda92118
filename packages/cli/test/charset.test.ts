/** Text in a locale without UTF-8 is ASCII. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inCharset, useAscii, wantsAscii } from '../src/text/charset.js';
import { escapeText } from '../src/text/escape.js';
import { displayWidth } from '../src/text/width.js';
import { Painter } from '../src/top/ui/painter.js';
import { Capture } from './support/captured-output.js';

const bin = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
const fake = fileURLToPath(new URL('./support/fake-weir.js', import.meta.url));

describe('the locale', () => {
  it('is the first of LC_ALL, LC_CTYPE and LANG that is set', () => {
    assert.equal(wantsAscii({ LC_ALL: 'C', LANG: 'en_US.UTF-8' }), true);
    assert.equal(wantsAscii({ LC_ALL: '', LC_CTYPE: 'POSIX', LANG: 'en_US.UTF-8' }), true);
    assert.equal(wantsAscii({ LANG: 'de_DE.ISO-8859-1' }), true);
    assert.equal(wantsAscii({ LC_ALL: 'C.UTF-8', LANG: 'C' }), false);
    assert.equal(wantsAscii({ LC_CTYPE: 'en_US.utf8', LANG: 'C' }), false);
    assert.equal(wantsAscii({}), false);
  });
});

describe('in a locale without UTF-8', () => {
  afterEach(() => useAscii(false));

  it('signs of Weir become ASCII of the same width', () => {
    useAscii(true);
    const text = 'a → b ← c … 85 µs ✓ ✗ ▁▂▃▄▅▆▇█ ▲▼ ↑↓ – ’ 漢 é';
    assert.equal(inCharset(text), "a > b < c ~ 85 us + x _.:-=+*# ^v ^v - ' ?? ?");
    assert.equal(displayWidth(inCharset(text)), displayWidth(text));
    useAscii(false);
    assert.equal(inCharset(text), text);
  });

  it('names are shown by their bytes, so that they can be distinguished', () => {
    assert.equal(escapeText('café'), 'café');
    useAscii(true);
    assert.equal(escapeText('café'), 'caf\\xc3\\xa9');
    assert.equal(escapeText('a\\b \n\udcff'), 'a\\\\b \\n\\xff');
  });

  it('the screen of weir top is ASCII', () => {
    useAscii(true);
    const screen = new Capture();
    new Painter(screen).paint(['▁█ → 127.0.0.1']);
    assert.match(screen.text, /_# > 127\.0\.0\.1/);
  });

  const cases: readonly (readonly [string, string, ...string[]])[] = [
    [bin, '--help'],
    [bin, 'trace', '--help'],
    [bin, 'doctor', '--help'],
    [fake, 'doctor'],
    [fake, 'doctor', '--offsets'],
    [fake, 'trace', '--count', '5'],
    [bin, 'trace', '--comm', 'más-que-quince-octetos'],
  ];
  for (const [program, ...args] of cases) {
    it(`weir ${args.join(' ')} prints ASCII only`, () => {
      const env = { ...process.env, LC_ALL: 'C', LANG: 'en_US.UTF-8' };
      const { stdout, stderr } = spawnSync(process.execPath, [program, ...args], { env, encoding: 'utf8' });
      assert.ok(stdout.length + stderr.length > 0);
      assert.match(stdout + stderr, /^\p{ASCII}*$/u);
    });
  }
});
