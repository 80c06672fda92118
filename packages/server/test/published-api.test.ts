import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { listenersAt, parseListeners } from '../src/serve/listeners.js';
import { servePaths } from '../src/serve/paths.js';
import { publishedApi, requireOwnServer } from '../src/serve/published-api.js';

let folder = '';
const paths = () => servePaths(folder);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-published-'));
  mkdirSync(paths().run, { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const publish = (text: string) => writeFileSync(paths().addresses, text);

describe('a published address', () => {
  it('is one of this host, loopback first', () => {
    assert.equal(publishedApi(paths()), undefined);
    publish('https://0.0.0.0:443\n');
    assert.equal(publishedApi(paths())?.href, 'https://127.0.0.1/');
    publish('http://[::]:9436\n');
    assert.equal(publishedApi(paths())?.href, 'http://[::1]:9436/');
    publish('http://[::1]:9436\nhttp://127.0.0.1:9437\n');
    assert.equal(publishedApi(paths())?.port, '9436');
  });

  for (const text of [
    'http://192.0.2.1:9436',
    'http://example.net:9436',
    'http://localhost:9436',
    'http://127.0.0.1:9436/elsewhere',
    'http://127.0.0.1:9436?x',
    'http://user@127.0.0.1:9436',
    'ftp://127.0.0.1',
    'nonsense',
    'http://127.0.0.1:9436\nhttp://192.0.2.1\n',
  ])
    it(`is refused where it is ${JSON.stringify(text)}`, () => {
      publish(text);
      assert.throws(() => publishedApi(paths()), OptionError);
    });

  it('is refused in a link, a pipe and a file of any length', () => {
    symlinkSync('/etc/hostname', paths().addresses);
    assert.throws(() => publishedApi(paths()), /is a link/);
    rmSync(paths().addresses);
    execFileSync('mkfifo', [paths().addresses]);
    assert.throws(() => publishedApi(paths()), OptionError);
    rmSync(paths().addresses);
    publish('http://127.0.0.1:9436\n'.repeat(10_000));
    assert.throws(() => publishedApi(paths()), OptionError);
  });
});

describe('a token', () => {
  const listening = async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) };
  };

  it('is sent to a socket of the server of the folder, and to none that is not there', async () => {
    const { server, url } = await listening();
    requireOwnServer(url, paths());
    server.close();
    await once(server, 'close');
    assert.throws(() => requireOwnServer(url, paths()), /nothing listens there/);
  });

  it('is not sent for a folder that others may write', async () => {
    const { server, url } = await listening();
    chmodSync(folder, 0o777);
    assert.throws(() => requireOwnServer(url, paths()), /may be written by others/);
    server.close();
  });
});

describe('sockets that listen', () => {
  const header =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const line = (address: string, state: string, uid: number) =>
    `   0: ${address}:24DC 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 ${uid} 0 1 1 x\n`;

  it('are read with their address, port and user', () => {
    const text = header + line('0100007F', '0A', 65534) + line('0100007F', '01', 7);
    assert.deepEqual(parseListeners(text, 'LE'), [{ address: '127.0.0.1', port: 9436, uid: 65534 }]);
    const six = header + line('00000000000000000000000001000000', '0A', 1);
    assert.deepEqual(parseListeners(six, 'LE'), [{ address: '::1', port: 9436, uid: 1 }]);
    assert.equal(parseListeners(header + line('7F000001', '0A', 1), 'BE')[0]!.address, '127.0.0.1');
  });

  it('are found by an address, also at every address and through IPv6', () => {
    const all = ['127.0.0.1', '127.0.0.2', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1'].map(
      (address, uid) => ({
        ...{ address, port: 1, uid },
      }),
    );
    const users = (address: string, port = 1, of = all) =>
      listenersAt(of, address, port).map(({ uid }) => uid);
    assert.deepEqual(users('127.0.0.1'), [0, 2]);
    assert.deepEqual(users('::1'), [3, 4]);
    assert.deepEqual(users('127.0.0.1', 2), []);
    assert.deepEqual(users('127.0.0.1', 1, all.slice(3)), [4, 5]);
  });
});
