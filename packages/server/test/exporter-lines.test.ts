/** JSON lines over TCP and TLS, and in files that are rotated. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { exporterSchema } from '../src/config/exporters-schema.js';
import { Exporter } from '../src/exporters/exporter.js';
import { RotatedFile } from '../src/exporters/lines/rotated-file.js';
import { openSink } from '../src/exporters/open-sink.js';
import { ownCertificate } from './support/certificate.js';
import { hostile, recordsOf } from './support/exporters.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-lines-'));
after(() => rmSync(folder, { recursive: true }));

async function exporterOf(config: object): Promise<Exporter> {
  const sink = await openSink(exporterSchema.parse(config), { environment: {}, version: '1' });
  return new Exporter({
    ...{ name: 'x', type: 'tcp', sink, queueBytes: 1e6, isWanted: () => true, random: () => 0 },
    say: () => {},
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(5)) assert.ok(Date.now() < deadline, what);
}

/** Takes lines until it is stopped. */
class LineReceiver {
  readonly sockets = new Set<Socket>();
  text = '';
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on(
      server instanceof createTlsServer().constructor ? 'secureConnection' : 'connection',
      (socket: Socket) => {
        this.sockets.add(socket);
        socket.setEncoding('utf8').on('data', (text: string) => {
          this.text += text;
        });
        socket.on('error', () => {});
      },
    );
  }

  static async start(server: Server = createServer(), port = 0): Promise<LineReceiver> {
    const receiver = new LineReceiver(server);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get lines(): { readonly bytes_sent: number; readonly process?: Record<string, unknown> }[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.resetAndDestroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('JSON lines over TCP', () => {
  it('are those of weir query --json, whatever the names of processes are', async () => {
    const receiver = await LineReceiver.start();
    const exporter = await exporterOf({ type: 'tcp', to: `tcp://127.0.0.1:${receiver.port}` });
    exporter.publish(recordsOf(3, hostile));
    await exporter.close(5000);
    await until('three lines', () => receiver.lines.length === 3);
    assert.deepEqual(receiver.lines[0]!.process!.comm, hostile.comm);
    assert.deepEqual(receiver.lines[0]!.process!.command_line, hostile.command_line);
    assert.match(receiver.text, /^[\n -~]*$/, 'nothing acts on a terminal');
    assert.match(receiver.text, /^\{"event":"close","host":"fedcba9876543210","time":"2026-/);
    await receiver.stop();
  });

  it('are sent again to a receiver that ended in between, and none is missing', async () => {
    const first = await LineReceiver.start();
    const { port } = first;
    const exporter = await exporterOf({ type: 'tcp', to: `tcp://127.0.0.1:${port}` });
    exporter.publish(recordsOf(10));
    await until('the first ten', () => first.lines.length === 10);
    await first.stop();
    await until('the end is seen', () => exporter.status.waiting === 10);
    exporter.publish(recordsOf(5, { closed_by: 'peer' }));
    await sleep(50);
    const second = await LineReceiver.start(createServer(), port);
    await until('all', () => second.lines.length === 15);
    assert.deepEqual(new Set(second.lines.map(({ bytes_sent }) => bytes_sent)).size, 10);
    await until('counts', () => exporter.status.sent === 15);
    assert.equal(exporter.status.repeated, 10);
    await exporter.close(1000);
    assert.deepEqual([exporter.status.sent, exporter.status.dropped], [15, 0]);
    await second.stop();
  });

  it('wait while the receiver reads nothing', async () => {
    const server = createServer({ pauseOnConnect: true });
    const sockets: Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const exporter = await exporterOf({ type: 'tcp', to: `tcp://127.0.0.1:${port}` });
    const records = recordsOf(1000, { command_line: 'x'.repeat(1000) });
    for (let i = 0; i < 30; i++) {
      exporter.publish(records);
      await sleep(5);
    }
    const { sent, waiting, dropped } = exporter.status;
    assert.equal(sent + waiting + dropped, 30_000);
    assert.ok(waiting > 0 && dropped > 0, JSON.stringify(exporter.status));
    await exporter.close(50);
    const last = exporter.status;
    assert.deepEqual([last.sent + last.dropped, last.waiting], [30_000, 0]);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('go over TLS to a receiver with a certificate of the named authority, and to no other', async () => {
    const { cert, key, certificateFile: ca } = ownCertificate(folder);
    const receiver = await LineReceiver.start(createTlsServer({ cert, key }));
    const to = `tls://127.0.0.1:${receiver.port}`;
    const other = await exporterOf({ type: 'tcp', to });
    other.publish(recordsOf(1));
    await until('a problem', () => other.status.problem !== undefined);
    assert.match(other.status.problem!, /^127\.0\.0\.1 port \d+: self-signed certificate$/);
    await other.close(0);
    const exporter = await exporterOf({ type: 'tcp', to, tls: { ca } });
    exporter.publish(recordsOf(3));
    await exporter.close(5000);
    await until('three lines', () => receiver.lines.length === 3);
    await receiver.stop();
  });
});

describe('a file that is rotated', () => {
  const limits = { bytes: 100, ageMs: 1e9, files: 3 };
  const line = (letter: string, length = 40) => Buffer.from(`${letter.repeat(length - 1)}\n`);
  let number = 0;
  const place = () => {
    const own = join(folder, `files-${number++}`);
    mkdirSync(own);
    return join(own, 'a.ndjson');
  };
  const firsts = (path: string) =>
    Object.fromEntries(
      readdirSync(join(path, '..'))
        .sort()
        .map((name) => [
          name,
          readFileSync(join(path, '..', name), 'utf8')
            .split('\n')
            .map((text) => text[0] ?? '')
            .join(''),
        ]),
    );

  it('never has more than its size and number allow, and keeps the newest whole lines', async () => {
    const path = place();
    await using file = new RotatedFile(path, limits);
    for (const letter of 'abcdefghi') {
      await file.append(line(letter));
      const sizes = readdirSync(join(path, '..')).map((name) => statSync(join(path, '..', name)).size);
      assert.ok(sizes.every((size) => size <= 100) && sizes.length <= 3);
    }
    assert.deepEqual(firsts(path), { 'a.ndjson': 'i', 'a.ndjson.1': 'gh', 'a.ndjson.2': 'ef' });
    assert.equal(statSync(path).mode & 0o777, 0o640);
  });

  it('begins another one at an age', async () => {
    const path = place();
    let nowMs = Date.now();
    await using file = new RotatedFile(path, { ...limits, ageMs: 1000 }, () => nowMs);
    await file.append(line('a', 5));
    nowMs += 999;
    await file.append(line('b', 5));
    nowMs += 1;
    await file.append(line('c', 5));
    assert.deepEqual(firsts(path), { 'a.ndjson': 'c', 'a.ndjson.1': 'ab' });
  });

  it('goes on with an earlier one, ends a line of that which is cut off, and removes those beyond its number', async () => {
    const path = place();
    writeFileSync(path, 'cut off');
    for (const suffix of ['.2', '.3', '.12', '.bak', '.3.gz']) writeFileSync(path + suffix, 'x\n');
    await using file = new RotatedFile(path, limits);
    await file.append(line('a', 5));
    assert.deepEqual(firsts(path), {
      'a.ndjson': 'ca',
      'a.ndjson.2': 'x',
      'a.ndjson.3.gz': 'x',
      'a.ndjson.bak': 'x',
    });
  });

  it('with a single one is begun anew', async () => {
    const path = place();
    await using file = new RotatedFile(path, { ...limits, files: 1 });
    for (const letter of 'abc') await file.append(line(letter));
    assert.deepEqual(firsts(path), { 'a.ndjson': 'c' });
  });

  it('is no link, no device and no pipe', async () => {
    const path = place();
    symlinkSync(join(folder, 'elsewhere'), path);
    await using file = new RotatedFile(path, limits);
    await assert.rejects(file.append(line('a')), { code: 'ELOOP' });
    assert.ok(!existsSync(join(folder, 'elsewhere')));
    await using device = new RotatedFile('/dev/full', limits);
    await assert.rejects(device.append(line('a')), /no plain file/);
  });

  it('has the lines of an exporter, also after one that failed', async () => {
    const path = place();
    const own = join(path, '..', 'later', 'b.ndjson');
    const exporter = await exporterOf({ type: 'file', path: own });
    exporter.publish(recordsOf(3));
    await until('a problem', () => exporter.status.problem !== undefined);
    assert.match(exporter.status.problem!, /ENOENT/);
    mkdirSync(join(own, '..'));
    await exporter.close(5000);
    const events = readFileSync(own, 'utf8')
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text).event);
    assert.deepEqual(events, ['close', 'close', 'close']);
  });
});
