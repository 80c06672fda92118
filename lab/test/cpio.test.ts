import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CpioWriter } from '../src/guest/cpio.js';

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** Reads an archive as the kernel does, header by header. */
function entries(archive: Buffer): Entry[] {
  const found: Entry[] = [];
  for (let offset = 0; ; ) {
    assert.equal(offset % 4, 0);
    assert.equal(archive.toString('latin1', offset, offset + 6), '070701');
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', offset + 6 + index * 8).slice(0, 8), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('utf8', offset + 110, offset + 110 + nameSize - 1);
    assert.equal(archive[offset + 110 + nameSize - 1], 0);
    const start = Math.ceil((offset + 110 + nameSize) / 4) * 4;
    if (name === 'TRAILER!!!') return found;
    found.push({ name, mode, content: archive.subarray(start, start + size) });
    offset = Math.ceil((start + size) / 4) * 4;
  }
}

describe('CpioWriter', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-cpio-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('writes folders before what is in them, each once', () => {
    const path = join(folder, 'a.cpio');
    using writer = new CpioWriter(path);
    writer.file('a/b/one', Buffer.from('1'));
    writer.file('a/b/two', Buffer.from('22'), 0o755);
    writer.symlink('a/three', 'b/two');
    writer.finish();
    const found = entries(readFileSync(path));
    assert.deepEqual(
      found.map(({ name, mode, content }) => [name, mode.toString(8), content.toString()]),
      [
        ['a', '40755', ''],
        ['a/b', '40755', ''],
        ['a/b/one', '100644', '1'],
        ['a/b/two', '100755', '22'],
        ['a/three', '120777', 'b/two'],
      ],
    );
  });

  test('ends on a multiple of 512 bytes for every length, so that archives can follow each other', () => {
    for (let length = 0; length < 9; length++) {
      const path = join(folder, `${length}.cpio`);
      using writer = new CpioWriter(path);
      writer.file('x'.repeat(length + 1), Buffer.alloc(length, 7));
      writer.finish();
      const archive = readFileSync(path);
      assert.equal(archive.length % 512, 0);
      assert.deepEqual(entries(archive)[0]?.content, Buffer.alloc(length, 7));
    }
  });

  test('copies a folder with permissions and links, without what is left out', () => {
    mkdirSync(join(folder, 'from/skipped'), { recursive: true });
    writeFileSync(join(folder, 'from/skipped/x'), '');
    writeFileSync(join(folder, 'from/tool'), '#!');
    chmodSync(join(folder, 'from/tool'), 0o755);
    symlinkSync('tool', join(folder, 'from/link'));
    const path = join(folder, 'tree.cpio');
    using writer = new CpioWriter(path);
    writer.tree('opt', join(folder, 'from'), (name) => name !== 'skipped/');
    writer.finish();
    assert.deepEqual(
      entries(readFileSync(path)).map(({ name, mode }) => [name, mode.toString(8)]),
      [
        ['opt', '40755'],
        ['opt/link', '120777'],
        ['opt/tool', '100755'],
      ],
    );
  });

  test('gives equal bytes for equal content', () => {
    const write = (path: string) => {
      using writer = new CpioWriter(path);
      writer.file('a', Buffer.from('same'));
      writer.finish();
      return readFileSync(path);
    };
    assert.deepEqual(write(join(folder, '1')), write(join(folder, '2')));
  });

  test('refuses a second file of the same name, and leaves nothing at its path until it is finished', () => {
    const path = join(folder, 'a.cpio');
    using writer = new CpioWriter(path);
    writer.file('a', new Uint8Array());
    assert.throws(() => writer.file('a', new Uint8Array()), /a is in the archive already/);
    assert.throws(() => readFileSync(path), { code: 'ENOENT' });
  });

  test('writes large files whole', () => {
    const path = join(folder, 'large.cpio');
    const content = Buffer.alloc(3 << 20, 'weir');
    using writer = new CpioWriter(path);
    writer.file('large', content);
    writer.finish();
    assert.ok(entries(readFileSync(path))[0]?.content.equals(content));
  });
});
