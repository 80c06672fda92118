/** All exporters of a server, and changes of their configuration. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseServeConfig } from '../src/config/index.js';
import { ExporterSet, type MetricPoints } from '../src/exporters/index.js';
import { batchOf, endRow } from './support/batches.js';
import { OtlpReceiver } from './support/otlp-receiver.js';
import { readLogs, readMetrics } from './support/otlp-wire.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-set-'));
after(() => rmSync(folder, { recursive: true }));
const surroundings = { environment: {}, version: '1' };

const configs = (...exporters: object[]) => parseServeConfig(JSON.stringify({ exporters })).exporters;
const start = (...exporters: object[]) => ExporterSet.start(configs(...exporters), surroundings, () => {});
const linesOf = (name: string) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
const file = (name: string, more = {}) => ({ type: 'file', name, path: join(folder, name), ...more });

describe('exporters', () => {
  it('each get the records that meet their filters, and losses, of every batch', async () => {
    await using set = await start(file('all'), file('some', { filter: 'lport=40002' }));
    set.publish(batchOf(1, [endRow(1), endRow(2)], { losses: [{ time: 1n, place: 'ring', count: 3 }] }));
    set.publish(batchOf(2, []));
    set.publish(batchOf(3, [endRow(3)]));
    await set[Symbol.asyncDispose]();
    assert.deepEqual(
      linesOf('all').map((line) => JSON.parse(line).event),
      ['close', 'close', 'lost', 'close'],
    );
    assert.deepEqual(
      linesOf('some').map((line) => JSON.parse(line).local?.port ?? JSON.parse(line).where),
      [40_002, 'ring'],
    );
  });

  it('keep what waits and their counts when the configuration is read again', async () => {
    await using receiver = await OtlpReceiver.start();
    const otlp = (port: number, more = {}) => ({
      type: 'otlp',
      endpoint: `http://127.0.0.1:${port}`,
      ...more,
    });
    // Nothing listens at port 1.
    await using set = await start(otlp(1), file('before'));
    set.publish(batchOf(1, [endRow(1), endRow(2)]));
    while (set.status[0]!.problem === undefined || set.status[1]!.sent < 2) await sleep(5);
    await set.update(configs(otlp(receiver.port, { filter: 'pport=1' }), file('after')));
    while (set.status[0]!.waiting > 0) await sleep(5);
    set.publish(batchOf(2, [endRow(3)]));
    while (set.status[1]!.sent < 1) await sleep(5);
    assert.deepEqual(
      set.status.map(({ name, sent, waiting, dropped }) => ({ name, sent, waiting, dropped })),
      [
        { name: 'otlp', sent: 2, waiting: 0, dropped: 0 },
        { name: 'after', sent: 1, waiting: 0, dropped: 0 },
      ],
    );
    assert.equal(receiver.requests.flatMap(({ body }) => readLogs(body)).length, 2);
    assert.equal(linesOf('before').length, 2);
    assert.equal(linesOf('after').length, 1);
  });

  it('send metrics now and then and at their end, to receivers that come and go', async () => {
    await using receiver = await OtlpReceiver.start();
    let value = 0;
    const metrics = async (): Promise<MetricPoints> => ({
      ...{ sinceNs: 1n, atNs: 2n },
      metrics: [
        {
          ...{ name: 'weir.x', description: '', unit: '', kind: 'counter' },
          points: [{ attributes: {}, value: ++value }],
        },
      ],
    });
    const endpoint = `http://127.0.0.1:${receiver.port}`;
    const every = { type: 'otlp', name: 'every', endpoint, metrics: '1s', records: false };
    const said: string[] = [];
    await using set = await ExporterSet.start(
      configs(
        every,
        { type: 'otlp', name: 'seldom', endpoint, metrics: '1h' },
        { type: 'otlp', name: 'off', endpoint, metrics: 'off' },
      ),
      { ...surroundings, metrics },
      (message) => void said.push(message),
    );
    receiver.answers.push((response) => response.writeHead(503).end('not now'));
    const status = (name: string) => set.status.find((each) => each.name === name)!;
    while (status('every').metrics!.failed < 1) await sleep(20);
    set.publish(batchOf(1, [endRow(1)]));
    while (status('every').metrics!.sent < 1) await sleep(20);
    assert.deepEqual([status('off').metrics, status('seldom').metrics!.sent], [undefined, 0]);
    const sent = () => receiver.requests.filter(({ path }) => path === '/v1/metrics');
    const pointOf = ({ body }: { readonly body: Buffer }) => readMetrics(body)[0]!.points[0];
    assert.ok(sent().length >= 1);
    // Its counts outlive a change of its configuration.
    await set.update(configs({ ...every, metrics: '2h' }, { type: 'otlp', name: 'seldom', endpoint }));
    assert.ok(status('every').metrics!.sent >= 1);
    const before = sent().length;
    await set[Symbol.asyncDispose]();
    assert.ok(sent().length > before, 'what was counted until the end');
    const last = sent().map(pointOf).at(-1) as { readonly value: number };
    assert.equal(last.value, value);
    const logs = receiver.requests.filter(({ path }) => path === '/v1/logs');
    assert.equal(logs.flatMap(({ body }) => readLogs(body)).length, 2, 'records go where they are wanted');
    assert.deepEqual(
      said.map((text) => text.replace(/: metrics: .*(not now|answered 503).*; /, ': … ')),
      [
        'exporter every: … the next metrics are sent all the same',
        'exporter every: metrics: the receiver takes metrics again',
      ],
    );
  });

  it('are as before where one of another configuration cannot be opened', async () => {
    await using set = await start(file('first'));
    const next = configs(file('second'), { type: 'journald', socket: join(folder, 'none') });
    await assert.rejects(set.update(next), /^OptionError: exporter journald: /);
    assert.deepEqual(
      set.status.map(({ name }) => name),
      ['first'],
    );
  });

  it('begin anew where what waits would be in another form', async () => {
    await using receiver = await OtlpReceiver.start();
    const otlp = (compression: string) => ({
      ...{ type: 'otlp', endpoint: `http://127.0.0.1:${receiver.port}`, compression },
    });
    await using set = await start(otlp('gzip'));
    set.publish(batchOf(1, [endRow(1)]));
    await set.update(configs(otlp('none')));
    set.publish(batchOf(2, [endRow(2)]));
    await set[Symbol.asyncDispose]();
    assert.equal(receiver.requests.flatMap(({ body }) => readLogs(body)).length, 2);
    assert.equal(set.status[0]!.sent, 1);
  });
});
