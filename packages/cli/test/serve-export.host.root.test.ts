/** `weir serve` that sends what it records: what arrives is what its history has. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { queryConnections } from '@weir/history/query';
import { endRecord } from '@weir/history/rows';
import { TestNetns } from './support/load.js';
import { OtlpReceiver } from './support/otlp-receiver.js';
import { folder, launch, port, Serve, until } from './support/serve.js';
import { SmallDisk } from './support/small-disk.js';

const COUNT = 200;

interface Status {
  readonly name: string;
  readonly sent: number;
  readonly waiting: number;
  readonly dropped: number;
  readonly refused: number;
  readonly repeated: number;
  readonly problem?: string;
  readonly metrics?: { readonly sent: number };
}

async function statusOf(name: string): Promise<Status> {
  const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/status`)).json()) as {
    exporters: Status[];
  };
  return answer.exporters.find((each) => each.name === name)!;
}

/** Takes lines, at the same port each time. */
class LineReceiver {
  #server = createServer();
  readonly #sockets = new Set<Socket>();
  readonly #texts: { text: string }[] = [];
  port = 0;

  async start(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      const own = { text: '' };
      this.#texts.push(own);
      socket.on('error', () => {});
      socket.on('data', (piece) => {
        own.text += piece;
      });
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Whole lines of all connections. */
  get lines(): string[] {
    return this.#texts.flatMap(({ text }) => text.split('\n').slice(0, -1));
  }
}

const sorted = (texts: readonly string[]) => [...texts].sort();

it('each record of the history is exported, once where the protocol allows, with receivers away and a disk full for a time', async (context) => {
  using netns = new TestNetns();
  using disk = await SmallDisk.mount(4);
  chmodSync(disk.seen(disk.folder), 0o777);
  disk.fill();
  const filler = disk.seen(join(disk.folder, 'filler'));
  // Half of the first records have room.
  truncateSync(filler, statSync(filler).size - 100_000);
  launch.prefix = disk.prefix;
  const otlp = new OtlpReceiver(folder);
  const lines = new LineReceiver();
  await Promise.all([otlp.start(), lines.start()]);
  context.after(() => Promise.all([otlp.stop(), lines.stop()]));
  const own = join(folder, 'files');
  mkdirSync(own);
  chmodSync(own, 0o777);
  const path = join(own, 'connections.ndjson');
  const config = join(folder, 'export.yaml');
  const exporters = [
    { type: 'otlp', endpoint: `http://127.0.0.1:${otlp.port}`, metrics: '1s' },
    { type: 'tcp', to: `tcp://127.0.0.1:${lines.port}` },
    { type: 'file', path },
    { type: 'file', name: 'full', path: join(disk.folder, 'full.ndjson') },
    { type: 'file', name: 'servers', path: join(own, 'servers.ndjson'), filter: 'direction=inbound' },
  ];
  writeFileSync(config, JSON.stringify({ exporters }));
  using serve = new Serve(netns, '--config', config);
  await serve.ready();
  const load = (sent: number) =>
    netns.load('pairs', '--count', `${COUNT}`, '--send', `${sent}`, '--reply', '1234', '--closer', 'server');
  await load(100);
  await until('the first records', async () => (await statusOf('otlp')).sent === 2 * COUNT);
  await Promise.all([otlp.stop(), lines.stop()]);
  await load(200);
  await until('records wait', async () => {
    const [logs, tcp] = [await statusOf('otlp'), await statusOf('tcp')];
    return logs.waiting === 2 * COUNT && tcp.waiting >= 2 * COUNT && logs.problem !== undefined;
  });
  assert.match((await statusOf('full')).problem ?? '', /ENOSPC/);
  disk.empty();
  // A reload keeps what waits.
  process.kill(serve.collector.pid, 'SIGHUP');
  await Promise.all([otlp.start(), lines.start()]);
  await load(300);
  await until('nothing waits', async () => {
    const all = await Promise.all(['otlp', 'tcp', 'file', 'full'].map(statusOf));
    return all.every(({ sent }) => sent === 6 * COUNT);
  });
  await until('metrics arrive', async () => (await statusOf('otlp')).metrics!.sent > 0);
  const { dropped, refused, repeated: again } = await statusOf('otlp');
  assert.deepEqual([dropped, refused, again], [0, 0, 0]);
  const { repeated } = await statusOf('tcp');
  // These are sent while it ends.
  await load(400);
  const history = await serve.history();
  context.after(() => history.close());
  const { stderr } = await serve.collector.ended;
  assert.match(
    stderr,
    /exporter otlp: .*ECONNREFUSED.*records wait.*exporter otlp: the receiver takes records again/s,
  );
  const { result, losses } = await queryConnections(history, {
    range: { from: 0n, to: 2n ** 62n },
    limit: 100_000,
  });
  assert.deepEqual(losses, []);
  const { rows } = result;
  assert.equal(rows.length, 8 * COUNT);
  const records = rows.map((row) => JSON.stringify(endRecord(row)));
  assert.deepEqual(sorted(readFileSync(path, 'utf8').trimEnd().split('\n')), sorted(records), 'the file');
  const late = readFileSync(disk.seen(join(disk.folder, 'full.ndjson')), 'utf8');
  assert.deepEqual(sorted(late.trimEnd().split('\n')), sorted(records), 'the file on the full disk');
  const servers = records.filter((text) => text.includes('"direction":"inbound"'));
  const filtered = readFileSync(join(own, 'servers.ndjson'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(sorted(filtered), sorted(servers), 'the file of what is accepted');
  assert.deepEqual(sorted([...new Set(lines.lines)]), sorted(records), 'lines over TCP');
  const twice = lines.lines.length - records.length;
  assert.ok(twice >= 0 && twice <= repeated, `${twice} lines came twice, ${repeated} were sent again`);
  const keyOf = (...values: readonly unknown[]) => values.join(' ');
  const exported = otlp
    .logs()
    .map((log) =>
      keyOf(
        ...['weir.flow_id', 'weir.direction', 'weir.bytes_sent', 'weir.bytes_received'].map((name) =>
          log.get(name),
        ),
      ),
    );
  const stored = rows
    .map(endRecord)
    .map((each) => keyOf(each.flow_id, each.direction, each.bytes_sent, each.bytes_received));
  assert.deepEqual(sorted(exported), sorted(stored), 'logs over OTLP');
  const counted = otlp.metrics();
  const sumOf = (name: 'bytes_sent' | 'bytes_received') =>
    rows.reduce((sum, row) => sum + Number(row[name] ?? 0), 0);
  assert.deepEqual(
    ['opened', 'closed'].map((what) => counted.get(`weir.connections.${what}`)),
    [8 * COUNT, 8 * COUNT],
  );
  assert.deepEqual(
    [counted.get('weir.sent'), counted.get('weir.received')],
    [sumOf('bytes_sent'), sumOf('bytes_received')],
    'metrics over OTLP',
  );
  context.diagnostic(`${records.length} records, ${otlp.requests} requests, ${twice} lines came twice`);
});
