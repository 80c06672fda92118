/** Files that `--btf` names. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Btf, FormatError } from '@weir/ebpf';
import { readBtf } from '../src/btf-file.js';
import { UsageError } from '../src/failure.js';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-btf-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const refuse = (): never => {
  throw new FormatError('no BTF magic');
};

/** A tar header for a file, as far as readers look at it. */
function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('0', 156);
  header.write('ustar\0', 257);
  return header;
}

describe('a BTF file', () => {
  const damaged: readonly [what: string, bytes: Uint8Array, reason: RegExp][] = [
    ['other bytes', Buffer.from('not BTF'), /no BTF magic/],
    ['damaged gzip', Buffer.concat([gzipSync('x').subarray(0, 12), Buffer.alloc(20, 7)]), /gzip compression/],
    ['gzip that is cut off', gzipSync(Buffer.alloc(1000, 'abc')).subarray(0, 15), /gzip compression/],
    ['gzip that unpacks to too much', gzipSync(Buffer.alloc((64 << 20) + 1)), /more than 67108864 bytes/],
    ['damaged xz', Buffer.from('fd377a585a00ffffffff', 'hex'), /xz compression/],
    [
      'an archive that is cut off',
      Buffer.concat([tarHeader('a.btf', 1 << 20), Buffer.alloc(1024)]),
      /tar archive/,
    ],
    ['an archive of other files', Buffer.concat([tarHeader('a.txt', 512), Buffer.alloc(2048)]), /no file/],
  ];
  for (const [what, bytes, reason] of damaged) {
    it(`with ${what} is refused as bad input`, async () => {
      const path = join(folder, 'given');
      writeFileSync(path, bytes);
      await assert.rejects(readBtf(path, { parseBtf: refuse }), (error: unknown) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(error.message, reason);
        assert.ok(!error.message.includes('\n'));
        return true;
      });
    });
  }

  it('that does not exist is refused as bad input', async () => {
    await assert.rejects(readBtf(join(folder, 'missing'), { parseBtf: refuse }), UsageError);
  });

  it('is not blamed for an error of the runtime', async () => {
    const path = join(folder, 'good');
    writeFileSync(path, 'anything');
    const parseBtf = (): Btf => {
      throw new RangeError('offset is out of bounds');
    };
    await assert.rejects(readBtf(path, { parseBtf }), RangeError);
  });
});
