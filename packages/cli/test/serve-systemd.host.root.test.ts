/** `weir serve` as a service: notifications, sockets by activation, a configuration that is read again. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DescriptorQueue, type Fd, UnixDatagramReceiver } from '@weir/ebpf/sys';
import { HistoryStore } from '@weir/history';
import { servePaths } from '@weir/server/serve';
import { bin } from './support/command.js';
import { TestNetns } from './support/load.js';
import { folder, until } from './support/serve.js';

let runs = 0;

/** A service manager of one service. */
class Service implements Disposable {
  readonly folder: string;
  readonly config: string;
  readonly receiver: UnixDatagramReceiver;
  readonly child: ChildProcess;
  readonly messages: string[] = [];
  stderr = '';

  /** Descriptors that the service has stored, by the messages with them. */
  readonly stored: Fd[] = [];

  /**
   * @param variables As a shell sets them; `$$` is the service's process.
   * @param listening Its descriptor 3.
   * @param earlier A service with the same folder, which has ended.
   */
  constructor(
    netns: TestNetns,
    notify: string,
    variables: string,
    text: string,
    listening?: number,
    earlier?: Service,
  ) {
    this.folder = earlier?.folder ?? join(folder, `service-${runs++}`);
    this.config = `${this.folder}.yaml`;
    writeFileSync(this.config, text);
    this.receiver = new UnixDatagramReceiver(notify);
    const args = ['serve', '--folder', this.folder, '--netns', netns.name, '--config', this.config];
    // Tests that nohup(1) runs have SIGHUP ignored.
    const command = `${variables} exec env --default-signal=HUP "$0" "$@"`;
    this.child = spawn('sh', ['-c', command, process.execPath, bin, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', listening ?? 'ignore'],
      env: { ...process.env, NOTIFY_SOCKET: notify },
    });
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  /** Waits for a message of the service. */
  async message(pattern: RegExp, since = 0): Promise<string> {
    let found: string | undefined;
    await until(`a message ${pattern}; ${this.stderr}`, () => {
      for (let next = this.#receive(); next !== undefined; next = this.#receive()) this.messages.push(next);
      found = this.messages.slice(since).find((text) => pattern.test(text));
      return found !== undefined;
    });
    return found!;
  }

  #receive(): string | undefined {
    const next = this.receiver.receiveDescriptors();
    this.stored.push(...(next?.descriptors ?? []));
    return next?.description;
  }

  /** Ends all its processes at once, as a service manager does when the first one has died. */
  async killAll(): Promise<void> {
    process.kill(Number(readFileSync(servePaths(this.folder).pid, 'utf8')), 'SIGKILL');
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
    this.receiver[Symbol.dispose]();
  }

  /** Standard error and messages come by different ways. */
  async says(pattern: RegExp): Promise<void> {
    await until(`${pattern}`, () => pattern.test(this.stderr));
  }

  async end(): Promise<void> {
    this.child.kill('SIGTERM');
    const [status] = await once(this.child, 'exit');
    assert.equal(status, 0, this.stderr);
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
    this.receiver[Symbol.dispose]();
  }
}

function statusOf(port: number, host = '127.0.0.1'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', path: '/api/v1/losses', headers: { host }, agent: false };
    request(options, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}

describe('weir serve as a service', () => {
  for (const [title, name] of [
    ['a path', join(folder, 'notify')],
    ['an abstract name', `@${folder}/notify`],
  ] as const)
    it(`says at ${title} that it is ready, works, reads its configuration again, and ends`, async () => {
      using netns = new TestNetns();
      using service = new Service(netns, name, 'WATCHDOG_USEC=400000', 'listen: ["127.0.0.1:0"]');
      const ready = await service.message(/^READY=1\n/);
      const url = /^STATUS=remembers connections in \S+; answers at (http:\S+)$/m.exec(ready)?.[1];
      const port = Number(new URL(url!).port);
      assert.equal(await statusOf(port), 200, 'it answers when it is ready');
      await service.message(/^WATCHDOG=1$/);

      const server = Number(readFileSync(servePaths(service.folder).pid, 'utf8'));
      const environment = readFileSync(`/proc/${server}/environ`, 'utf8');
      assert.ok(!/NOTIFY_SOCKET|WATCHDOG/.test(environment), 'the server does not speak for the service');

      const since = service.messages.length;
      assert.equal(await statusOf(port, 'db.example'), 421);
      writeFileSync(service.config, 'listen: ["127.0.0.1:0"]\nnames: [db.example]\n');
      service.child.kill('SIGHUP');
      assert.match(await service.message(/^RELOADING=1/, since), /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
      await service.message(/^READY=1/, since);
      assert.equal(await statusOf(port, 'db.example'), 200);

      const before = service.messages.length;
      writeFileSync(service.config, 'names: []\nrecord:\n  filter: comm=curl prot=443\n');
      service.child.kill('SIGHUP');
      await service.message(/^READY=1/, before);
      await service.says(/\.yaml:3:11: filter: .*\n.*the earlier configuration stays/);
      assert.equal(await statusOf(port, 'db.example'), 200);

      const last = service.messages.length;
      writeFileSync(service.config, 'tls: {certificate: /nonexistent/a, key: /nonexistent/b}\n');
      service.child.kill('SIGHUP');
      await service.message(/^READY=1/, last);
      await service.says(/tls: ENOENT.*\n.*the earlier configuration stays/);

      process.kill(server, 'SIGKILL');
      await service.message(/^STATUS=waits for its server/, last);
      await service.message(/^READY=1/, service.messages.length);
      await service.end();
      await service.message(/^STOPPING=1$/);
    });

  it('answers at a socket that it is given, which refuses nobody while the server is started again', async () => {
    using netns = new TestNetns();
    const socket = createServer().listen(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address() as AddressInfo;
    const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
    const variables = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=api';
    using service = new Service(netns, join(folder, 'activated'), variables, 'listen: ["127.0.0.1:1"]', fd);
    // From here on, only the service has it.
    socket.close();
    const ready = await service.message(/^READY=1\n/);
    assert.ok(ready.includes(`answers at http://127.0.0.1:${port}`), ready);
    assert.equal(await statusOf(port), 200);
    const server = Number(readFileSync(servePaths(service.folder).pid, 'utf8'));
    assert.ok(!readFileSync(`/proc/${server}/environ`, 'utf8').includes('LISTEN_FDS'));
    process.kill(server, 'SIGKILL');
    assert.equal(await statusOf(port), 200, 'the request waits for the next server');
    await service.end();
  });

  it('goes on with what it has stored when all its processes were killed, and lets go of it at the end', async () => {
    using netns = new TestNetns();
    const text = 'listen: ["127.0.0.1:0"]';
    using service = new Service(netns, join(folder, 'stored-1'), '', text);
    await service.message(/^READY=1/);
    await service.message(/^FDSTORE=1\nFDPOLL=0\n/);
    const [stored] = service.stored;
    await service.killAll();
    await netns.load('pairs', '--count', '100');
    const variables = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=weir-handover';
    using next = new Service(netns, join(folder, 'stored-2'), variables, text, stored!.fd, service);
    await next.message(/^READY=1/);
    assert.doesNotMatch(next.stderr, /begins anew/);
    await next.end();
    await next.message(/^FDSTOREREMOVE=1\n/);
    using queue = new DescriptorQueue(stored!);
    assert.equal(queue.peek(), undefined, 'nothing waits any more');
    const store = await HistoryStore.open({ folder: servePaths(service.folder).history, readOnly: true });
    const [ends, losses] = await store.read((session) =>
      Promise.all([
        session.query(`SELECT count(*)::INTEGER FROM ${session.source('ends')}`),
        session.query(`SELECT place FROM ${session.source('losses')}`),
      ]),
    );
    await store.close();
    assert.deepEqual({ ends, losses }, { ends: [[200]], losses: [] });
    for (const fd of next.stored) fd[Symbol.dispose]();
  });

  it('refuses a socket that is reached from elsewhere without a token and TLS, and a Unix socket', async () => {
    using netns = new TestNetns();
    for (const [place, says] of [
      ['0.0.0.0', /is reached from elsewhere, which needs a token/],
      [join(folder, 'api.sock'), /is a Unix socket/],
    ] as const) {
      const socket = createServer();
      socket.listen(...((place.startsWith('/') ? [place] : [0, place]) as [number, string]));
      await once(socket, 'listening');
      const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
      await refused(netns, 'LISTEN_PID=$$ LISTEN_FDS=1', '', says, fd);
      socket.close();
    }
  });

  it('ends where another program listens at its address', async () => {
    using netns = new TestNetns();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await refused(netns, '', `listen: ["127.0.0.1:${port}"]`, /EADDRINUSE/);
    other.close();
  });
});

async function refused(netns: TestNetns, variables: string, text: string, says: RegExp, fd?: number) {
  using service = new Service(netns, join(folder, `refused-${runs}`), variables, text, fd);
  let saidMs = 0;
  service.child.stderr!.on('data', (chunk: Buffer) => {
    if (says.test(chunk.toString())) saidMs = performance.now();
  });
  const [status] = await once(service.child, 'exit');
  const waitedMs = performance.now() - saidMs;
  assert.notEqual(status, 0);
  await service.says(says);
  assert.ok(waitedMs < 8_000, `it ended ${waitedMs} ms after it had said so for the last time`);
}
