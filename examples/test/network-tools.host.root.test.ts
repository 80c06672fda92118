/** The tools that act on traffic, sockets, files and cgroups, and those that watch libraries and signals: each does its work on something real. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { EbpfError, features } from '@weir/ebpf';
import { anyport } from '../ebpf/anyport/anyport.js';
import { bufferlimit } from '../ebpf/bufferlimit/bufferlimit.js';
import { devguard } from '../ebpf/devguard/devguard.js';
import { keepfiles } from '../ebpf/keepfiles/keepfiles.js';
import { killsnoop } from '../ebpf/killsnoop/killsnoop.js';
import { descriptor, getOption } from '../ebpf/sockets.js';
import { sockproxy } from '../ebpf/sockproxy/sockproxy.js';
import { sslsnoop } from '../ebpf/sslsnoop/sslsnoop.js';
import { sysctlguard } from '../ebpf/sysctlguard/sysctlguard.js';
import { tcports } from '../ebpf/tcports/tcports.js';
import { tcpsockets } from '../ebpf/tcpsockets/tcpsockets.js';
import { throwsnoop } from '../ebpf/throwsnoop/throwsnoop.js';
import { xdpdrop } from '../ebpf/xdpdrop/xdpdrop.js';
import { Cgroup } from './support/cgroup.js';
import { enterOwnNetns } from './support/exchange.js';
import { findLine } from './support/lines.js';

assert.equal(process.getuid?.(), 0, 'files named *.root.test.ts need root');

const { pid } = process;
const seconds = 0.05;
const folder = mkdtempSync(join(tmpdir(), 'weir-tools-'));
after(() => rmSync(folder, { recursive: true }));

before(() => {
  enterOwnNetns();
  const { status, stderr } = spawnSync('ip', ['address', 'add', 'fd00::9/128', 'dev', 'lo', 'nodad']);
  assert.equal(status, 0, String(stderr));
});

async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Opens a connection to a server of this process. @returns both of its sockets. */
async function connection(server: Server, port: number): Promise<[client: Socket, accepted: Socket]> {
  const arrival = once(server, 'connection') as Promise<[Socket]>;
  const client = connect(port, '127.0.0.1');
  const [[accepted]] = await Promise.all([arrival, once(client, 'connect')]);
  return [client, accepted];
}

async function close(server: Server, ...sockets: Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
}

const ascending = (a: number, b: number) => a - b;

describe('the network tool', () => {
  for (const [family, home, listed, network] of [
    ['udp4', '127.0.0.1', '127.0.0.9', '127.0.0.8/29'],
    ['udp6', '::1', 'fd00::9', 'fd00::/64'],
  ] as const)
    it(`xdpdrop drops what comes from a network of ${family}`, async () => {
      const socketAt = async (address: string) => {
        const socket = createSocket(family).bind(0, address);
        await once(socket, 'listening');
        return socket;
      };
      const sockets = await Promise.all([home, home, listed].map(socketAt));
      const [receiver, sender, dropped] = sockets;
      const { port } = receiver!.address();
      const act = async (): Promise<void> => {
        const arrival = once(receiver!, 'message');
        dropped!.send('one', port, home);
        sender!.send('two', port, home);
        assert.equal(String((await arrival)[0]), 'two');
      };
      const networks = '127.0.0.8/29,fd00::/64';
      const line = new RegExp(`^${network} +[1-9]\\d* +[1-9]\\d*$`);
      await findLine(xdpdrop({ device: 'lo', networks, seconds }), line, act);
      for (const socket of sockets) socket.close();
    });

  it('tcports counts by service and marks what goes to one', async () => {
    const server = createServer();
    const port = await listen(server, 4242);
    // A connection inherits the mark of the packet that began it.
    writeFileSync('/proc/sys/net/ipv4/tcp_fwmark_accept', '1');
    const marks = new Set<number>();
    const act = async (): Promise<void> => {
      const [client, accepted] = await connection(server, port);
      const [SOL_SOCKET, SO_MARK] = [1, 36];
      marks.add(getOption(descriptor(accepted), SOL_SOCKET, SO_MARK).getUint32(0, true));
      for (const socket of [client, accepted]) socket.destroy();
    };
    const line = new RegExp(`^tcp +${port} +[1-9]\\d* +[1-9]\\d* +[1-9]\\d* +[1-9]\\d*$`);
    await findLine(tcports({ device: 'lo', port, mark: 77, seconds }), line, act);
    await close(server);
    assert.deepEqual([...marks], [77]);
  });

  it('sockproxy moves bytes both ways, and the ends of streams', async () => {
    const greeting = randomBytes(50_000);
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const hash = createHash('sha256');
      socket.on('data', (chunk) => hash.update(chunk));
      socket.on('end', () => socket.end(hash.digest()));
      socket.write(greeting);
    });
    const to = await listen(server);
    const lines = sockproxy({ to });
    const [, proxy] = /^listening on port (\d+)$/.exec((await lines.next()).value as string)!;
    /** @param polite Whether the client waits for the server before it ends its stream, by when both are in the kernel's hands. */
    const request = async (size: number, polite: boolean): Promise<void> => {
      const sent = randomBytes(size);
      const client = connect({ host: '127.0.0.1', port: Number(proxy), allowHalfOpen: true });
      const received = buffer(client);
      if (polite) await once(client, 'data');
      client.end(sent);
      const answer = createHash('sha256').update(sent).digest();
      assert.deepEqual(await received, Buffer.concat([greeting, answer]));
    };
    const sizes = [0, 1, 200_000, 300_000];
    for (const polite of [true, false]) {
      await Promise.all(sizes.map((size) => request(size, polite)));
      const moved = [];
      const by = polite ? 'kernel' : '(?:kernel|process|both)';
      const line = new RegExp(`^127\\.0\\.0\\.1:\\d+ +(\\d+) +50032 ${by}$`);
      for (const _ of sizes) {
        const { value } = await lines.next();
        assert.match(value as string, line);
        moved.push(Number(line.exec(value as string)![1]));
      }
      assert.deepEqual(moved.sort(ascending), sizes);
    }
    await lines.return(undefined);
    await close(server);
  });

  it('sockproxy says which connection it could not pass on', async () => {
    const server = createServer();
    const to = await listen(server);
    await close(server);
    const lines = sockproxy({ to });
    const [, proxy] = /(\d+)$/.exec((await lines.next()).value as string)!;
    const client = connect(Number(proxy), '127.0.0.1');
    assert.equal(await text(client), '');
    assert.match((await lines.next()).value as string, /127\.0\.0\.1:\d+: connect ECONNREFUSED/);
    await lines.return(undefined);
  });

  it('anyport answers on every port of its range', async () => {
    const answer = (host: string, port: number) => text(connect({ host, port }));
    for (const [host, shown] of [
      ['127.0.0.1', '::ffff:127.0.0.1'],
      ['::1', '::1'],
    ] as const)
      await findLine(anyport({ from: 7000, to: 7009 }), new RegExp(`^${shown} +7009$`), async () => {
        for (const port of [7000, 7009]) assert.equal(await answer(host, port), `you came to port ${port}\n`);
        await assert.rejects(answer(host, 7010), /ECONNREFUSED/);
      });
    await assert.rejects(answer('127.0.0.1', 7000), /ECONNREFUSED/);
  });

  it('tcpsockets prints sockets that listen and that are connected', async () => {
    const server = createServer();
    const port = await listen(server);
    const [client, accepted] = await connection(server, port);
    const near = `127\\.0\\.0\\.1:${port}`;
    const far = `127\\.0\\.0\\.1:${client.localPort}`;
    const lines: string[] = [];
    for await (const line of tcpsockets()) lines.push(line);
    for (const wanted of [
      `^listening +0 ${near} +0\\.0\\.0\\.0:0$`,
      `^established +0 ${near} +${far}$`,
      `^established +0 ${far} +${near}$`,
    ])
      assert.ok(
        lines.some((line) => new RegExp(wanted).test(line)),
        `${wanted} in:\n${lines.join('\n')}`,
      );
    await close(server, client, accepted);
  });
});

describe('the policy', () => {
  it('keepfiles keeps files from being removed, or says why it cannot', async () => {
    const [kept, other] = ['kept', 'other'].map((name) => join(folder, name)) as [string, string];
    for (const place of [kept, other]) {
      mkdirSync(join(place, 'inner'), { recursive: true });
      writeFileSync(join(place, 'file'), 'one');
    }
    if (!features.has('lsm')) {
      await assert.rejects(keepfiles({ folder: kept }).next(), EbpfError);
      return;
    }
    const refusals: Readonly<Record<string, () => void>> = {
      'its removal': () => unlinkSync(join(kept, 'file')),
      'its move': () => renameSync(join(kept, 'file'), join(other, 'moved')),
      'another in its place': () => renameSync(join(other, 'file'), join(kept, 'file')),
    };
    const denied = { code: 'EPERM' };
    for (const [what, refused] of Object.entries(refusals))
      await findLine(keepfiles({ folder: kept }), new RegExp(`^\\S+ +${pid} file$`), () => {
        assert.throws(refused, denied, what);
      });
    await findLine(keepfiles({ folder: kept }), new RegExp(`^\\S+ +${pid} inner$`), () => {
      writeFileSync(join(kept, `new-${readdirSync(kept).length}`), '');
      assert.throws(() => rmdirSync(join(kept, 'inner')), denied);
    });
    unlinkSync(join(kept, 'file'));
  });

  it('devguard refuses a device to a cgroup', async () => {
    using cgroup = new Cgroup();
    const device = '/dev/full';
    await findLine(devguard({ cgroup: cgroup.path, device }), /^sh +\d+ read$/, () => {
      const { status, stderr } = cgroup.run(`: <${device}`);
      assert.notEqual(status, 0);
      assert.match(stderr, /not permitted/);
      assert.equal(cgroup.run(': </dev/null').status, 0);
      closeSync(openSync(device, 'r'));
    });
    assert.equal(cgroup.run(`: <${device}`).status, 0, 'once the tool has ended');
  });

  it('sysctlguard lets a cgroup read settings and not change them', async () => {
    using cgroup = new Cgroup();
    const setting = '/proc/sys/net/ipv4/ip_default_ttl';
    writeFileSync(setting, '61');
    await findLine(sysctlguard({ cgroup: cgroup.path }), /^sh +\d+ net\/ipv4\/ip_default_ttl +65$/, () => {
      assert.notEqual(cgroup.run(`echo 65 >${setting}`).status, 0);
      assert.equal(cgroup.run(`cat ${setting}`).stdout.trim(), '61');
      writeFileSync(setting, '61');
    });
    assert.equal(cgroup.run(`echo 65 >${setting}`).status, 0, 'once the tool has ended');
  });

  it('bufferlimit gives a cgroup smaller socket buffers than it asks for', async () => {
    using cgroup = new Cgroup();
    const program = `
      const socket = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => {
        socket.setRecvBufferSize(100_000);
        socket.setSendBufferSize(10_000);
        console.log(socket.getRecvBufferSize(), socket.getSendBufferSize());
        socket.close();
      });`;
    const line = /^\S+ +\d+ receive +100000$/;
    await findLine(bufferlimit({ cgroup: cgroup.path, limit: 20_000 }), line, () => {
      const { stdout, stderr } = cgroup.run('exec "$1" -e "$2"', process.execPath, program);
      assert.equal(stdout.trim(), '20000 10000', stderr);
    });
  });
});

describe('the tool', () => {
  it('throwsnoop prints the exceptions of C++ that a program throws', async () => {
    // Nobody catches it: the C++ library ends the process.
    const program = `require(process.argv[1]).load('libstdc++.so.6')
      .func('void _ZSt20__throw_length_errorPKc(const char *)')('too long')`;
    const koffi = createRequire(import.meta.url).resolve('koffi');
    let child = 0;
    const [, shown] = await findLine(throwsnoop(), /^\S+ +(\d+) std::length_error$/, async () => {
      const script = 'ulimit -c 0; exec "$0" -e "$1" "$2"';
      const thrower = spawn('sh', ['-c', script, process.execPath, program, koffi], { stdio: 'ignore' });
      child = thrower.pid!;
      const [, signal] = await once(thrower, 'exit');
      assert.equal(signal, 'SIGABRT');
    });
    assert.equal(Number(shown), child);
  });

  it('sslsnoop prints what a program receives by TLS, once it is decrypted', async () => {
    const [key, certificate] = [join(folder, 'server.key'), join(folder, 'server.pem')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const made = ['-subj', '/CN=localhost', '-keyout', key, '-out', certificate];
    execFileSync('openssl', ['req', '-x509', ...kind, ...made], { stdio: 'pipe' });
    const identity = { key: readFileSync(key), cert: readFileSync(certificate) };
    const server = createHttpsServer(identity, (request, response) =>
      response.end(`you asked for ${request.url}`),
    );
    const url = `https://127.0.0.1:${await listen(server)}/a-secret`;
    await findLine(sslsnoop(), /^curl +(\d+) received +\d+ .*you asked for \/a-secret$/, async () => {
      const curl = spawn('curl', ['-sSk', url], { stdio: ['ignore', 'ignore', 'inherit'] });
      assert.deepEqual(await once(curl, 'exit'), [0, null]);
      return curl.pid;
    });
    await close(server);
  });

  it('killsnoop prints signals that are sent, and those that nobody gets', async () => {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    const exit = once(child, 'exit');
    const line = new RegExp(`^\\S+ +${pid} +${child.pid} SIGWINCH +sent$`);
    await findLine(killsnoop({ pid }), line, () => child.kill('SIGWINCH'));
    child.kill();
    await exit;
    const none = 2 ** 22 + 1;
    await findLine(killsnoop({ pid }), new RegExp(`^\\S+ +${pid} +${none} 0 +ESRCH$`), () =>
      assert.throws(() => process.kill(none, 0), /ESRCH/),
    );
  });
});
