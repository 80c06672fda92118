/** Syslog and systemd's journal, to real sockets. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { UnixDatagramReceiver } from '@weir/ebpf/sys';
import { exporterSchema } from '../src/config/exporters-schema.js';
import { Exporter } from '../src/exporters/exporter.js';
import { openSink } from '../src/exporters/open-sink.js';
import { syslogMessage } from '../src/exporters/syslog/syslog-message.js';
import { ownCertificate } from './support/certificate.js';
import { hostile, recordsOf } from './support/exporters.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-syslog-'));
after(() => rmSync(folder, { recursive: true }));
const head = { facility: 'daemon', hostName: 'h' } as const;

async function exporterOf(config: object): Promise<Exporter> {
  const sink = await openSink(exporterSchema.parse(config), { environment: {}, version: '1' });
  return new Exporter({
    ...{ name: 'x', type: 'syslog', sink, queueBytes: 1e6, isWanted: () => true, random: () => 0 },
    say: () => {},
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(5)) assert.ok(Date.now() < deadline, what);
}

/** What RFC 5424 says of a message, read by its grammar. */
function parse(message: string) {
  const match =
    /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) - ([!-~]{1,32}) \[(weir@32473)((?: [a-z_]+="(?:[^"\\\]]|\\["\\\]])*")*)\] (\{[ -~]*\})$/.exec(
      message,
    );
  assert.ok(match, message);
  const [, priority, time, host, app, id, , data, json] = match;
  const values = [...data!.matchAll(/ ([a-z_]+)="((?:[^"\\\]]|\\.)*)"/g)].map(
    ([, name, value]) => [name, value!.replace(/\\(.)/g, '$1')] as const,
  );
  return {
    priority: Number(priority),
    time,
    host,
    app,
    id,
    values: Object.fromEntries(values),
    json: JSON.parse(json!),
  };
}

describe('a syslog message', () => {
  it('is one of RFC 5424, whatever the names of processes are', () => {
    const [record] = recordsOf(1, { ...hostile, unit: 'caf\u00e9.service' });
    const text = syslogMessage(record!, { ...head, hostName: 'a b\n' });
    assert.match(text, /^[ -~]*$/);
    const message = parse(text);
    assert.deepEqual(
      [message.priority, message.host, message.app, message.id],
      [30, 'a_b_', 'weir', 'close'],
    );
    assert.deepEqual(message.values, {
      ...{ pid: '42', comm: 'ev"]\\\\il\\u000a', unit: 'caf\\u00e9.service', container_id: 'c0ffee' },
      ...{ transport: 'tcp', direction: 'outbound', local_address: '10.0.0.1', local_port: '40000' },
      ...{ peer_address: '10.0.0.7', peer_port: '443', closed_by: 'local' },
      ...{ bytes_sent: '500', bytes_received: '1099511627776' },
    });
    assert.deepEqual(message.json, record!.fields);
  });

  it('has a warning where something went wrong, and the facility of the configuration', () => {
    const [failed, lost] = recordsOf(
      1,
      { event: 'fail', error: 'ETIMEDOUT' },
      { losses: [{ time: 1n, place: 'ring' }] },
    );
    assert.equal(parse(syslogMessage(failed!, head)).priority, 3 * 8 + 4);
    const message = parse(syslogMessage(lost!, { ...head, facility: 'local7' }));
    assert.deepEqual([message.priority, message.values], [23 * 8 + 4, { where: 'ring' }]);
  });
});

describe('syslog', () => {
  it('goes over UDP, a datagram a record', async () => {
    const receiver = createSocket('udp4');
    const received: string[] = [];
    receiver.on('message', (message) => received.push(`${message}`));
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const exporter = await exporterOf({ type: 'syslog', to: `udp://127.0.0.1:${receiver.address().port}` });
    const huge = recordsOf(1, { command_line: 'x'.repeat(70_000) });
    exporter.publish([...recordsOf(3, hostile), ...huge]);
    await until('three messages', () => received.length === 3);
    assert.equal(parse(received[0]!).host, hostname());
    await exporter.close(1000);
    assert.deepEqual([exporter.status.sent, exporter.status.refused], [3, 1]);
    receiver.close();
  });

  it('goes to a Unix socket, and later where nothing listens yet', async () => {
    const path = join(folder, 'log');
    const exporter = await exporterOf({ type: 'syslog', to: `unix:${path}` });
    exporter.publish(recordsOf(2, hostile));
    await until('a problem', () => exporter.status.problem !== undefined);
    assert.match(exporter.status.problem!, /ENOENT/);
    using receiver = new UnixDatagramReceiver(path);
    await exporter.close(5000);
    assert.equal(exporter.status.sent, 2);
    parse(`${receiver.receive()}`);
    parse(`${receiver.receive()}`);
    assert.equal(receiver.receive(), undefined);
  });

  it('loses nothing, and doubles nothing, at a Unix socket whose reader is slow', async () => {
    const path = join(folder, 'slow');
    using receiver = new UnixDatagramReceiver(path);
    const exporter = await exporterOf({ type: 'syslog', to: `unix:${path}` });
    exporter.publish(recordsOf(300));
    const bytes: number[] = [];
    while (bytes.length < 300) {
      await sleep(2);
      let message = receiver.receive();
      if (message === undefined && exporter.status.sent === 300) break;
      for (; message !== undefined; message = receiver.receive())
        bytes.push(parse(`${message}`).json.bytes_sent);
    }
    assert.deepEqual(
      bytes,
      Array.from({ length: 300 }, (_, index) => 500 + index),
    );
    await exporter.close(0);
  });

  for (const kind of ['tcp', 'tls'] as const)
    it(`goes over ${kind} with the length before each message`, async () => {
      const { cert, key, certificateFile: ca } = ownCertificate(folder);
      const server = kind === 'tcp' ? createServer() : createTlsServer({ cert, key });
      let text = '';
      server.on(kind === 'tcp' ? 'connection' : 'secureConnection', (socket) => {
        socket.on('data', (piece: Buffer) => {
          text += piece;
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const to = `${kind}://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const exporter = await exporterOf({ type: 'syslog', to, ...(kind === 'tls' && { tls: { ca } }) });
      exporter.publish(recordsOf(3, hostile));
      await exporter.close(5000);
      server.close();
      let count = 0;
      for (let rest = text; rest !== ''; count++) {
        const space = rest.indexOf(' ');
        const end = space + 1 + Number(rest.slice(0, space));
        parse(rest.slice(space + 1, end));
        rest = rest.slice(end);
      }
      assert.equal(count, 3);
    });
});

describe('the journal', () => {
  /** Fields by the description of the protocol. */
  function readFields(datagram: Buffer): [string, string][] {
    const fields: [string, string][] = [];
    for (let at = 0; at < datagram.length; ) {
      const end = datagram.indexOf('\n', at);
      const line = datagram.toString('utf8', at, end);
      const equals = line.indexOf('=');
      if (equals >= 0) {
        fields.push([line.slice(0, equals), line.slice(equals + 1)]);
        at = end + 1;
      } else {
        const length = Number(datagram.readBigUInt64LE(end + 1));
        const from = end + 9;
        fields.push([line, datagram.toString('utf8', from, from + length)]);
        assert.equal(datagram[from + length], 10);
        at = from + length + 1;
      }
    }
    return fields;
  }

  it('gets entries with fields that no name of a process forges', async () => {
    const socket = join(folder, 'journal');
    using receiver = new UnixDatagramReceiver(socket);
    const exporter = await exporterOf({ type: 'journald', socket });
    const [record] = recordsOf(1, { ...hostile, command_line: `a\nMESSAGE=forged\n${'x'.repeat(50_000)}` });
    exporter.publish([record!]);
    await exporter.close(5000);
    const fields = readFields(receiver.receive()!);
    const names = fields.map(([name]) => name);
    assert.equal(new Set(names).size, names.length);
    const values = Object.fromEntries(fields);
    assert.equal(values.MESSAGE, record!.text);
    assert.deepEqual([values.PRIORITY, values.SYSLOG_IDENTIFIER, values.WEIR_EVENT], ['6', 'weir', 'close']);
    assert.deepEqual([values.WEIR_COMM, values.WEIR_PEER_PORT], [hostile.comm, '443']);
    assert.equal(values.WEIR_RECORD!.length, 16_384);
  });

  it('is refused, with what to do, where it does not run', async () => {
    await assert.rejects(
      exporterOf({ type: 'journald', socket: join(folder, 'none') }),
      /^OptionError: exporter journald: .*is no socket: systemd's journal does not run here; use syslog or file$/,
    );
  });
});
