/** All exporters of a server, and changes of their configuration. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseServeConfig } from '../src/config/index.js';
import { ExporterSet } from '../src/exporters/index.js';
import { batchOf, endRow } from './support/batches.js';
import { OtlpReceiver } from './support/otlp-receiver.js';
import { readLogs } from './support/otlp-wire.js';

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
