import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nameParts, shortName, visibleName } from '../src/format/name-text.js';

describe('names that others chose', () => {
  test('that are plain are shown as they are', () => {
    assert.deepEqual(nameParts('nginx: worker process'), [{ text: 'nginx: worker process', isCode: false }]);
    assert.equal(visibleName('Grüße-日本'), 'Grüße-日本');
  });

  test('show characters that reorder, hide or imitate as their code', () => {
    assert.equal(visibleName('a\u202eb'), 'a\\u202eb');
    assert.equal(visibleName('a\u200bb\u2066c\ufeff'), 'a\\u200bb\\u2066c\\ufeff');
    assert.equal(
      visibleName('a\u00a0b\u3000c\td\ne\x1b[31m'),
      'a\\u00a0b\\u3000c\\u0009d\\u000ae\\u001b[31m',
    );
    assert.equal(visibleName('\u{e0041}x'), '\\u{e0041}x');
    assert.equal(visibleName('a\udcffb'), 'a\\xffb');
    assert.equal(visibleName(' a '), '\\u0020a\\u0020');
  });

  test('leave nothing dangerous in any text', () => {
    const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code)).join('');
    assert.doesNotMatch(
      visibleName(all),
      /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u,
    );
  });

  test('that are long are cut in the middle', () => {
    const name = `begin${'x'.repeat(1000)}end`;
    const short = shortName(name, 40);
    assert.equal(short.length, 40);
    assert.match(short, /^beginx+…x+end$/);
  });
});
