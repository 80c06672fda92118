/** Bytes that are not UTF-8 stay what they are on their way through strings. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { decodeBytes, encodeText } from '../src/byte-text.js';
import { readString, writeString } from '../src/codegen/runtime.js';

describe('text of bytes', () => {
  it('is UTF-8 where it can be, and a lone surrogate for each other byte', () => {
    assert.equal(decodeBytes(Buffer.from('caf\u00e9 漢🦊\ufeff')), 'café 漢🦊\ufeff');
    assert.equal(decodeBytes(Buffer.from('\ufeffname')), '\ufeffname');
    assert.equal(decodeBytes(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3])), 'a\udcffé\udcc3');
    // The UTF-8 form of a surrogate is no UTF-8, or two strings would have the same bytes.
    assert.equal(decodeBytes(Buffer.from([0xed, 0xb3, 0xbf])), '\udced\udcb3\udcbf');
    assert.equal(decodeBytes(Buffer.from([0xf0, 0x9f, 0xa6])), '\udcf0\udc9f\udca6');
  });

  it('becomes the same bytes again', () => {
    for (let round = 0; round < 2000; round++) {
      const bytes = randomBytes(round % 20);
      assert.deepEqual(Buffer.from(encodeText(decodeBytes(bytes))), bytes);
    }
    const text = 'a\udcff🦊é\udc80';
    assert.equal(decodeBytes(encodeText(text)), text);
  });

  it('is what decoders of structs read and write', () => {
    const view = new DataView(new ArrayBuffer(16));
    const bytes = new Uint8Array(view.buffer);
    bytes.set([0x77, 0xff, 0xfe]);
    assert.equal(readString(view, 0, 16), 'w\udcff\udcfe');
    bytes.fill(1);
    writeString(view, 0, 16, 'w\udcff\udcfe');
    assert.deepEqual([...bytes.subarray(0, 5)], [0x77, 0xff, 0xfe, 0, 0]);
  });
});
