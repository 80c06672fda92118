import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  listenOnSocket,
  openUnixListener,
  removeStaleSocket,
  sendUnixDatagram,
  UnixDatagramReceiver,
  UnixDatagramSender,
} from '../src/sys/index.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-unix-'));
  path = join(folder, 'sock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('datagrams', () => {
  for (const [title, address] of [
    ['a path', () => path],
    ['an abstract name', () => `@${path}`],
  ] as const)
    it(`arrive at ${title} as they were sent`, () => {
      using receiver = new UnixDatagramReceiver(address());
      assert.equal(receiver.receive(), undefined);
      sendUnixDatagram(address(), Buffer.from('READY=1\n'));
      sendUnixDatagram(address(), Buffer.alloc(4096, 7));
      assert.equal(receiver.receive()!.toString(), 'READY=1\n');
      assert.deepEqual(receiver.receive(), Buffer.alloc(4096, 7));
      assert.equal(receiver.receive(), undefined);
    });

  it('to nobody, or that are too long, are errors that name the reason', () => {
    assert.throws(() => sendUnixDatagram(path, Buffer.from('x')), { code: 'ENOENT' });
    assert.throws(() => sendUnixDatagram(path, Buffer.alloc(4097)), { name: 'OptionError' });
    assert.throws(() => sendUnixDatagram('/'.repeat(108), Buffer.from('x')), { name: 'OptionError' });
  });

  it('of one sender are large, and go to whatever socket has the path by then', () => {
    using sender = new UnixDatagramSender(path);
    assert.throws(() => sender.send(Buffer.from('x')), { code: 'ENOENT' });
    for (let again = 0; again < 2; again++) {
      using receiver = new UnixDatagramReceiver(path);
      sender.send(Buffer.alloc(100_000, 7));
      assert.deepEqual(receiver.receive(), Buffer.alloc(100_000, 7));
      rmSync(path);
    }
    using receiver = new UnixDatagramReceiver(path);
    const fill = () => {
      for (;;) sender.send(Buffer.from('x'));
    };
    assert.throws(fill, { code: 'EAGAIN' }, 'nothing waits for a reader');
    assert.equal(receiver.receive()!.length, 1);
    assert.throws(() => sender.send(Buffer.alloc(2 ** 18 + 1)), { name: 'OptionError' });
    assert.throws(() => new UnixDatagramSender('/'.repeat(108)).send(Buffer.from('x')), {
      name: 'OptionError',
    });
  });

  it('bring descriptors along', () => {
    using receiver = new UnixDatagramReceiver(path);
    const file = join(folder, 'file');
    writeFileSync(file, 'content');
    const fd = openSync(file, 'r');
    sendUnixDatagram(path, Buffer.from('one'), [fd, fd]);
    sendUnixDatagram(path, Buffer.from('none'));
    closeSync(fd);
    const { description, descriptors } = receiver.receiveDescriptors()!;
    assert.equal(description, 'one');
    assert.equal(descriptors.length, 2);
    for (const each of descriptors) {
      assert.equal(readFileSync(`/proc/self/fd/${each.fd}`, 'utf8'), 'content');
      each[Symbol.dispose]();
    }
    assert.deepEqual(receiver.receiveDescriptors(), { description: 'none', descriptors: [] });
    assert.equal(receiver.receiveDescriptors(), undefined);
  });

  it('are refused, without waiting, by a receiver that does not keep up', () => {
    using _receiver = new UnixDatagramReceiver(path);
    assert.throws(
      () => {
        for (;;) sendUnixDatagram(path, Buffer.from('x'));
      },
      { code: 'EAGAIN' },
    );
  });
});

describe('listening sockets', () => {
  it('have their mode, and keep their path when they are closed', () => {
    const listener = openUnixListener(path, 0o600);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.throws(() => openUnixListener(path, 0o600), { code: 'EADDRINUSE' });
    listener[Symbol.dispose]();
    assert.ok(existsSync(path));
  });

  it('of a process that has ended are removed, and of one that listens are left', async () => {
    assert.equal(await removeStaleSocket(path), true);
    openUnixListener(path, 0o600)[Symbol.dispose]();
    assert.equal(await removeStaleSocket(path), true);
    assert.ok(!existsSync(path));
    const server = createServer();
    await listenOnSocket(server, path, 0o660);
    assert.equal(statSync(path).mode & 0o777, 0o660);
    assert.equal(await removeStaleSocket(path), false);
    server.close();
  });
});
