/** Text that is written as bytes. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ByteWriter, fragment } from '../src/json/byte-writer.js';

it('constant pieces of every length are written whole, also into room that is made meanwhile', () => {
  const out = new ByteWriter(16);
  let expected = '';
  for (let length = 0; length <= 200; length++) {
    const text = 'ä'.repeat(length % 3) + 'abcdefghij'.repeat(20).slice(0, length);
    expected += `${text}${length}`;
    out.makeRoom(2 * text.length + 8);
    out.fragment(fragment(text));
    out.number(length);
  }
  assert.equal(Buffer.from(out.written()).toString('utf8'), expected);
});

it('a constant piece of any length leaves what follows it to the next one', () => {
  for (const length of [1, 47, 48, 49, 61]) {
    const out = new ByteWriter(256);
    out.fragment(fragment('x'.repeat(200)));
    out.clear();
    out.fragment(fragment('y'.repeat(length)));
    out.fragment(fragment('z'));
    assert.equal(Buffer.from(out.written()).toString('latin1'), `${'y'.repeat(length)}z`);
  }
});
