/** Metrics of connections: what is counted where, and the limit of series. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderMetrics } from '@weir/balancer/metrics-text';
import type { Batch, EndRow, IntervalRow, OpenRow } from '@weir/history/schema';
import { parseServeConfig } from '../src/config/index.js';
import { connectionFamilies } from '../src/metrics/connection-families.js';
import { ConnectionMetrics } from '../src/metrics/connection-metrics.js';
import { PeerGroups } from '../src/metrics/peer-groups.js';
import { decodeColumns } from '../src/wire/decode-batch.js';
import { addRows, BatchEncoder } from '../src/wire/encode-batch.js';
import { batchOf, endRow } from './support/batches.js';
import { metricLines, sumOf } from './support/metric-lines.js';
import { randomNumbers } from './support/random.js';

const defaults = parseServeConfig('').metrics;

interface Rows {
  readonly ends?: readonly EndRow[];
  readonly intervals?: readonly IntervalRow[];
  readonly opens?: readonly OpenRow[];
}

/** A batch as the server gets it. */
function sent({ ends = [], ...rows }: Rows, more: Partial<Batch> = {}): Batch {
  const batch = batchOf(1, ends, { ...rows, ...more });
  const encoder = new BatchEncoder();
  addRows(encoder, batch);
  return decodeColumns(encoder.finish(batch));
}

function linesOf(metrics: ConnectionMetrics) {
  return metricLines(renderMetrics('', connectionFamilies(metrics.sets)));
}

const seen = { direction: 'outbound', duration_us: 5_000 } as const;

function intervalOf(i: number, more: Partial<IntervalRow> = {}): IntervalRow {
  const { event: _, closed_by: __, interval_rows: ___, ...row } = endRow(i);
  return { ...row, direction: 'outbound', span_us: 60e6, ...more };
}

function openOf(i: number, more: Partial<OpenRow> = {}): OpenRow {
  const { span_us: _, ...row } = intervalOf(i);
  return { ...row, started: row.time, ...more };
}

describe('metrics of connections', () => {
  it('have each connection, its end and its times once', () => {
    const metrics = new ConnectionMetrics(defaults);
    const row = { ...seen, comm: 'curl', unit: 'a.service', container_name: 'c', pod_name: 'p' };
    metrics.add(
      sent({
        ends: [
          endRow(1, {
            ...row,
            handshake_us: 700,
            srtt_us: 300,
            retransmits: 2,
            bytes_sent: 5,
            bytes_received: 7,
          }),
          endRow(257, { ...row, handshake_us: 4e6, closed_by: 'reset', bytes_sent: 1, bytes_received: 1 }),
          endRow(513, { ...row, event: 'fail', error: 'ECONNREFUSED', bytes_sent: 0, bytes_received: 0 }),
        ],
      }),
      0,
    );
    const lines = linesOf(metrics);
    const labels = {
      ...{ direction: 'outbound', transport: 'tcp', process: 'curl', unit: 'a.service' },
      ...{ container: 'c', pod: 'p', peer: '10.0.1.7' },
    };
    const values = lines
      .filter(({ name }) => !name.endsWith('_bucket'))
      .map(({ name, labels: { closed_by, error, ...rest }, value }) => {
        assert.deepEqual(rest, labels);
        return [name, ...[closed_by ?? error ?? []].flat(), value];
      });
    assert.deepEqual(values, [
      ['connections_opened_total', 2],
      ['connections_closed_total', 'local', 1],
      ['connections_closed_total', 'reset', 1],
      ['connections_failed_total', 'ECONNREFUSED', 1],
      ['connections_open', 0],
      ['sent_bytes_total', 6],
      ['received_bytes_total', 8],
      ['tcp_retransmits_total', 2],
      ['tcp_handshake_seconds_sum', 4.0007],
      ['tcp_handshake_seconds_count', 2],
      ['tcp_rtt_seconds_sum', 0.0003],
      ['tcp_rtt_seconds_count', 1],
    ]);
    const buckets = lines.filter(({ name }) => name === 'tcp_handshake_seconds_bucket');
    assert.deepEqual(
      buckets.map(({ labels: { le }, value }) => `${le}:${value}`).join(' '),
      '0.0001:0 0.0005:0 0.001:1 0.002:1 0.005:1 0.01:1 0.025:1 0.05:1 0.1:1 0.25:1 1:1 3:1 +Inf:2',
    );
  });

  it('have the bytes of a long connection in its minutes, and not again at its end', () => {
    const metrics = new ConnectionMetrics(defaults);
    const moved = { bytes_sent: 100, bytes_received: 10, srtt_us: 50 };
    metrics.add(sent({ opens: [openOf(1, moved)], intervals: [intervalOf(1, moved)] }, { sweep: 'full' }), 0);
    const open = linesOf(metrics);
    assert.deepEqual(
      ['connections_opened_total', 'connections_open', 'sent_bytes_total'].map((name) => sumOf(open, name)),
      [1, 1, 100],
    );
    const last = intervalOf(1, { bytes_sent: 20, bytes_received: 2, srtt_us: 60 });
    const whole = { ...seen, bytes_sent: 120, bytes_received: 12, srtt_us: 60, interval_rows: 2 };
    metrics.add(sent({ ends: [endRow(1, whole)], intervals: [last] }), 0);
    const lines = linesOf(metrics);
    assert.deepEqual(
      [
        ...['connections_opened_total', 'connections_open', 'connections_closed_total'],
        ...['sent_bytes_total', 'received_bytes_total', 'tcp_rtt_seconds_count'],
      ].map((name) => sumOf(lines, name)),
      [1, 0, 1, 120, 12, 2],
    );
  });

  it('know what is open, whoever was there first', () => {
    const metrics = new ConnectionMetrics(defaults);
    const opened = () => [
      sumOf(linesOf(metrics), 'connections_opened_total'),
      sumOf(linesOf(metrics), 'connections_open'),
    ];
    const { flow_ns: _, flow_cpu: __, started: ___, ...unnamed } = openOf(3);
    const older = openOf(2);
    const { started: ____, ...before } = older;
    metrics.add(sent({ opens: [openOf(1), before as OpenRow, unnamed as OpenRow] }, { sweep: 'full' }), 0);
    assert.deepEqual(opened(), [1, 3], 'those from before the collector were not opened now');
    metrics.add(sent({ opens: [openOf(4)] }, { sweep: 'changes' }), 0);
    assert.deepEqual(opened(), [2, 4]);
    metrics.add(sent({ ends: [endRow(1, seen), endRow(3, { direction: 'outbound' })] }), 0);
    assert.deepEqual(opened(), [2, 2], 'one without a number ends by its addresses');
    metrics.add(sent({ opens: [openOf(1), openOf(4)] }, { sweep: 'full' }), 0);
    assert.deepEqual(opened(), [3, 2], 'a full list is all that is open');
    metrics.add(sent({}, { sweep: 'full' }), 0);
    assert.deepEqual(opened(), [3, 0]);
    metrics.addOpen(openOf(9).host_id, sent({ opens: [openOf(9)] }).columns!.opens!, 0);
    assert.deepEqual(opened(), [3, 1], 'of an earlier server');
    metrics.add(sent({}, { goodbye: true }), 0);
    assert.deepEqual(opened(), [3, 0]);
  });

  it('never have the port of a client as a label', () => {
    const metrics = new ConnectionMetrics({ ...defaults, labels: ['port'] });
    const [client, server] = [50_001, 443];
    metrics.add(
      sent({
        ends: [
          endRow(1, { ...seen, local_port: client, peer_port: server }),
          endRow(2, { ...seen, direction: 'inbound', local_port: server, peer_port: client }),
          { ...endRow(3), local_port: client, peer_port: client },
        ],
      }),
      0,
    );
    const ports = linesOf(metrics).map(({ labels: { direction, port } }) => `${direction} ${port}`);
    assert.deepEqual([...new Set(ports)], ['outbound 443', 'inbound 443', ' ']);
  });

  it('are safe for any name, and have each series once', () => {
    const metrics = new ConnectionMetrics(defaults);
    const long = 'x'.repeat(5000);
    const names = [
      '"} 1\n# x',
      'a\\',
      '\ud800',
      '\udfff',
      '\ufffd',
      `${long}1`,
      `${long}2`,
      'other',
      '',
      '\0',
      'é',
    ];
    // A batch of the wire cannot hold what is no Unicode: rows of columns can.
    const batch = sent({
      ends: names.map((comm, i) => endRow(i, { ...seen, comm, unit: comm, peer_address: '8.8.8.8' })),
    });
    metrics.add(batch, 0);
    const lines = metricLines(
      Buffer.from(renderMetrics('', connectionFamilies(metrics.sets))).toString('utf8'),
    );
    const closed = lines.filter(({ name }) => name === 'connections_closed_total');
    assert.equal(sumOf(closed, 'connections_closed_total'), names.length);
    const found = closed.map(({ labels: { process } }) => process!);
    assert.deepEqual(
      found.toSorted(),
      ['"} 1\n# x', 'a\\', '\ufffd', `${'x'.repeat(127)}…`, 'other', '', '\0', 'é'].toSorted(),
    );
  });

  it('stay within the limit, with sums that are right, for 10,000 processes, peers and ports', () => {
    const random = randomNumbers(7);
    const maxSeries = 5_000;
    const metrics = new ConnectionMetrics({
      ...defaults,
      labels: ['process', 'unit', 'peer', 'port'],
      maxSeries,
    });
    const sums: Record<string, number> = {};
    const count = (name: string, labels: Readonly<Record<string, string>>, by = 1) => {
      const key = `${name} ${Object.values(labels).join(' ')}`;
      sums[key] = (sums[key] ?? 0) + by;
    };
    for (let batch = 0; batch < 20; batch++) {
      const ends = Array.from({ length: 2_000 }, (_, i) => {
        const direction = random(2) === 0 ? 'inbound' : 'outbound';
        const isFailure = direction === 'outbound' && random(4) === 0;
        const error = `E${random(60)}`;
        const closed_by = (['local', 'peer', 'reset', 'timeout', 'abort'] as const)[random(5)]!;
        const [bytes_sent, bytes_received] = isFailure ? [0, 0] : [random(1e6), random(1e6)];
        if (isFailure) count('connections_failed_total', { direction, error });
        else count('connections_closed_total', { direction, closed_by });
        if (!isFailure) count('connections_opened_total', { direction });
        count('sent_bytes_total', { direction }, bytes_sent);
        count('received_bytes_total', { direction }, bytes_received);
        return endRow(batch * 2_000 + i, {
          ...{ direction, bytes_sent, bytes_received, duration_us: 1 },
          ...(isFailure ? { event: 'fail', error, closed_by: undefined } : { closed_by }),
          ...{ comm: `process-${random(10_000)}`, unit: `unit-${random(10_000)}.service` },
          ...{ local_port: random(10_000), peer_port: random(10_000) },
          peer_address: `10.${random(4)}.${random(50)}.${random(50)}`,
        } as Partial<EndRow>);
      });
      metrics.add(sent({ ends }), 0);
    }
    const lines = linesOf(metrics);
    assert.equal(lines.length, metrics.sets.series);
    assert.ok(lines.length <= maxSeries, `${lines.length}`);
    assert.ok(lines.length > maxSeries / 2, `${lines.length}`);
    for (const [key, sum] of Object.entries(sums)) {
      const [name, direction, more] = key.split(' ') as [string, string, string | undefined];
      // Beyond 40 errors, those of the rest are one.
      if (name === 'connections_failed_total') continue;
      const labels = { direction, ...(more !== undefined && { closed_by: more }) };
      assert.equal(sumOf(lines, name, labels), sum, key);
    }
    const failures = Object.entries(sums).filter(([key]) => key.startsWith('connections_failed_total'));
    assert.equal(
      sumOf(lines, 'connections_failed_total'),
      failures.reduce((sum, [, value]) => sum + value, 0),
    );
    // Each of these rows is counted once as a failure or as an end: there, or beyond the limit.
    const beyond = { process: 'other', unit: 'other', peer: 'other', port: 'other' };
    assert.equal(
      metrics.capped,
      sumOf(lines, 'connections_failed_total', beyond) + sumOf(lines, 'connections_closed_total', beyond),
    );
    assert.ok(metrics.capped > 35_000, `${metrics.capped}`);
  });

  it('stay within the limit when labels that are known get errors and times that are new', () => {
    const metrics = new ConnectionMetrics({ ...defaults, maxSeries: 1_000 });
    const process = (i: number) => ({ ...seen, comm: `p${i % 30}`, peer_address: '10.0.0.7' });
    const many = (more: (i: number) => Partial<EndRow>) =>
      sent({ ends: Array.from({ length: 1_500 }, (_, i) => endRow(i, { ...process(i), ...more(i) })) });
    metrics.add(
      many(() => ({})),
      0,
    );
    assert.equal(metrics.capped, 0);
    metrics.add(
      many((i) => ({ event: 'fail', error: `E${Math.floor(i / 30)}` })),
      0,
    );
    metrics.add(
      many(() => ({ handshake_us: 100, srtt_us: 50, closed_by: 'reset' })),
      0,
    );
    const lines = linesOf(metrics);
    assert.equal(lines.length, metrics.sets.series);
    assert.ok(lines.length <= 1_000, `${lines.length}`);
    const names = ['connections_failed_total', 'tcp_handshake_seconds_count', 'tcp_rtt_seconds_count'];
    assert.deepEqual(
      names.map((name) => sumOf(lines, name)),
      [1_500, 1_500, 1_500],
    );
    assert.equal(sumOf(lines, 'connections_closed_total', { closed_by: 'reset' }), 1_500);
    assert.ok(metrics.capped > 1_500 && metrics.capped <= 3_000, `${metrics.capped}`);
  });

  it('expire when nothing uses them, which makes room, and begin at 0 when they come back', () => {
    const metrics = new ConnectionMetrics({ ...defaults, maxSeries: 1_000, idle: 60_000 });
    const many = (from: number) =>
      sent({ ends: Array.from({ length: 500 }, (_, i) => endRow(i, { ...seen, comm: `p${from + i}` })) });
    metrics.add(many(0), 0);
    assert.ok(metrics.capped > 0);
    const { capped } = metrics;
    metrics.add(sent({ opens: [openOf(1_000, { comm: 'p0', peer_address: '10.0.0.7' })] }), 0);
    metrics.add(many(1_000), 100_000);
    assert.ok(metrics.sets.removed > 0);
    const lines = linesOf(metrics);
    assert.ok(lines.some(({ labels: { process } }) => process === 'p1000'));
    assert.ok(metrics.capped < 2 * capped + 10, 'there was room again');
    const left = lines.filter(({ name }) => name === 'connections_open').filter(({ value }) => value > 0);
    assert.equal(left.length, 1, 'what has open connections stays');
    metrics.sets.expire(1_000_000);
    assert.equal(linesOf(metrics).filter(({ name }) => name === 'connections_open').length, 1);
    metrics.add(sent({ ends: [endRow(1, { ...seen, comm: 'p1000' })] }), 1_000_000);
    assert.equal(sumOf(linesOf(metrics), 'connections_closed_total', { process: 'p1000' }), 1);
  });

  it('forget names that no series has', () => {
    const metrics = new ConnectionMetrics({ ...defaults, maxSeries: 1_000 });
    for (let batch = 0; batch < 12; batch++) {
      const name = (i: number) => ({ ...seen, comm: `p${batch}-${i}`, unit: `u${batch}-${i}` });
      metrics.add(sent({ ends: Array.from({ length: 2_000 }, (_, i) => endRow(i, name(i))) }), 0);
    }
    assert.ok(metrics.sets.values.size < 30_000, `${metrics.sets.values.size}`);
    assert.equal(sumOf(linesOf(metrics), 'connections_closed_total'), 24_000);
    assert.equal(sumOf(linesOf(metrics), 'connections_closed_total', { process: 'p0-0' }), 1);
  });
});

describe('groups of peers', () => {
  const labelOf = (more: object, address: string) =>
    new PeerGroups({ ...defaults, ...more }).labelOf(address);

  it('show private addresses, and no others', () => {
    for (const own of ['10.1.2.3', '172.31.0.1', '192.168.7.8', 'fd00::1', 'fe80::1'])
      assert.equal(labelOf({}, own), own);
    for (const other of ['8.8.8.8', '172.32.0.1', '2001:db8::1', '11.0.0.1', 'no address'])
      assert.equal(labelOf({}, other), 'external');
    for (const loopback of ['127.0.0.1', '127.9.9.9', '::1']) assert.equal(labelOf({}, loopback), 'loopback');
    assert.equal(labelOf({}, ''), '');
    assert.equal(labelOf({ addresses: [] }, '10.1.2.3'), 'external');
    assert.equal(labelOf({ addresses: ['203.0.113.0/24'] }, '203.0.113.9'), '203.0.113.9');
  });

  it('have names by the longest prefix, before addresses', () => {
    const groups = { lan: ['10.0.0.0/8'], db: ['10.1.2.0/24', '2001:db8::/32'], internet: ['0.0.0.0/0'] };
    assert.deepEqual(
      ['10.1.2.3', '10.2.2.3', '2001:db8::7', '8.8.8.8', '2001:db9::1', '192.168.0.1'].map((address) =>
        labelOf({ groups }, address),
      ),
      ['db', 'lan', 'db', 'internet', 'external', '192.168.0.1'],
    );
  });
});
