import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FormatError } from '@weir/ebpf/errors';
import {
  FrameReader,
  frameHeader,
  jsonFrame,
  MAX_BATCH_BYTES,
  MAX_CONTROL_BYTES,
} from '../src/wire/frame.js';
import { readMessage } from '../src/wire/messages.js';

function read(pieces: Iterable<Uint8Array>): [string, string][] {
  const reader = new FrameReader();
  return [...pieces].flatMap((piece) =>
    [...reader.push(piece)].map(({ name, payload }): [string, string] => [name, payload.toString()]),
  );
}

describe('frames', () => {
  const bytes = Buffer.concat([jsonFrame('hello', { a: 1 }), frameHeader('batch', 0), jsonFrame('ack', [])]);
  const expected = [
    ['hello', '{"a":1}'],
    ['batch', ''],
    ['ack', '[]'],
  ];

  it('are read from pieces of any size', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      assert.deepEqual(read(pieces), expected);
    }
  });

  it('of an unknown type are refused', () => {
    assert.throws(() => read([Buffer.from([0, 0, 0, 0, 99])]), {
      name: 'FormatError',
      message: 'frame of the unknown type 99',
    });
  });

  it('that are too long are refused before memory is reserved', () => {
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => read([frameHeader('batch', MAX_BATCH_BYTES + 1)]), FormatError);
    assert.throws(() => read([frameHeader('hello', MAX_CONTROL_BYTES + 1)]), FormatError);
    assert.ok(process.memoryUsage().arrayBuffers - before < MAX_BATCH_BYTES);
  });

  it('have payloads that typed arrays can use in place', () => {
    const reader = new FrameReader();
    const [frame] = [...reader.push(Buffer.concat([frameHeader('batch', 16), Buffer.alloc(16)]))];
    assert.equal(new BigInt64Array(frame!.payload.buffer, frame!.payload.byteOffset, 2).length, 2);
  });

  it('can lie in the same memory, one after the other', () => {
    const reader = new FrameReader({ reuse: true });
    const lengths = [1000, 1400, 10, 0, 5_000_000, 3000];
    const buffers = lengths.map((length, index) => {
      const bytes = Buffer.concat([frameHeader('batch', length), Buffer.alloc(length, index + 1)]);
      const [frame] = [...reader.push(bytes)];
      assert.ok(frame!.payload.equals(Buffer.alloc(length, index + 1)));
      assert.equal(frame!.payload.byteOffset, 0);
      return frame!.payload.buffer;
    });
    assert.equal(buffers[1], buffers[0]);
    assert.equal(buffers[2], buffers[0]);
    assert.equal(buffers[3], buffers[0]);
    assert.notEqual(buffers[4], buffers[0]);
    assert.notEqual(buffers[5], buffers[4]);
  });

  it('know whether something is missing', () => {
    const reader = new FrameReader();
    assert.ok(reader.isBetweenFrames);
    assert.deepEqual([...reader.push(bytes.subarray(0, 3))], []);
    assert.ok(!reader.isBetweenFrames);
  });
});

describe('messages', () => {
  it('of a newer peer may have keys that are not known', () => {
    const ack = { epoch: 'f'.repeat(32), number: 3, later: true };
    assert.deepEqual(readMessage('ack', Buffer.from(JSON.stringify(ack))), { epoch: ack.epoch, number: 3 });
  });

  for (const [title, text] of [
    ['no JSON', '{'],
    ['another form', '{"epoch":"x","number":1}'],
    ['a number that is none', `{"epoch":"${'0'.repeat(32)}","number":1.5}`],
    ['nothing', ''],
  ] as const)
    it(`with ${title} are refused`, () => {
      assert.throws(() => readMessage('ack', Buffer.from(text)), /^FormatError: frame ack: /);
    });
});
