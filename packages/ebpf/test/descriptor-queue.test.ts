/** Descriptors that wait in a socket outlive whoever put them there. */
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EbpfError, OptionError } from '../src/index.js';
import { DescriptorQueue } from '../src/sys/index.js';

describe('a queue of descriptors', () => {
  it('gives duplicates of what waits each time it is looked at', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-queue-'));
    const path = join(folder, 'file');
    writeFileSync(path, 'content');
    const fd = openSync(path, 'r');
    using queue = DescriptorQueue.create();
    queue.put('a file', [fd, fd]);
    closeSync(fd);
    unlinkSync(path);
    for (let look = 0; look < 2; look++) {
      const { description, descriptors } = queue.peek()!;
      assert.equal(description, 'a file');
      assert.equal(descriptors.length, 2);
      for (const duplicate of descriptors) {
        assert.equal(readFileSync(`/proc/self/fd/${duplicate.fd}`, 'utf8'), 'content');
        duplicate[Symbol.dispose]();
      }
    }
    queue.clear();
    assert.equal(queue.peek(), undefined);
    rmSync(folder, { recursive: true });
  });

  it('takes one message, of no more descriptors than the kernel sends', () => {
    using queue = DescriptorQueue.create();
    assert.equal(queue.peek(), undefined);
    assert.throws(() => queue.put('', new Array<number>(254).fill(0)), OptionError);
    assert.throws(() => queue.put('more', [0]), EbpfError);
    assert.match(readlinkSync(`/proc/self/fd/${queue.fd}`), /^socket:/);
  });
});
