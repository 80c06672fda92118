import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EndedConnection, Interval, OpenConnection } from '../src/api/api-types.js';
import {
  courseOf,
  figuresOfEnd,
  outcomeOf,
  processRows,
  sentenceOf,
} from '../src/views/connection/connection-words.js';
import { intervalSteps } from '../src/views/connection/interval-steps.js';

const ended: EndedConnection = {
  ...{ event: 'close', host: '0000000000000007', time: '2026-11-26T10:00:05.000000000Z', monotonic_ns: 1 },
  process: { pid: 812, tid: 812, comm: 'curl', uid: 0, executable: '/usr/bin/curl' },
  network: { transport: 'tcp', type: 'ipv4' },
  local: { address: '10.0.0.1', port: 40_000 },
  peer: { address: '10.0.0.2', port: 443 },
  ...{ direction: 'outbound', flow_id: '1.1', duration_us: 5_000_000, handshake_us: 1200 },
  ...{ bytes_sent: 77, bytes_received: 1234, closed_by: 'peer', closing_us: 1000, retransmits: 2 },
  segments_sent: 10,
};

const text = (connection: EndedConnection | OpenConnection) =>
  sentenceOf(connection)
    .map((part) => (typeof part === 'string' ? part : `{${part.name}}`))
    .join('');

describe('the sentence about a connection', () => {
  test('says who, to whom, how much, how long, and who closed it', () => {
    assert.equal(
      text(ended),
      '{curl} (812) connected to 10.0.0.2:443, sent 77 B, received 1.23 kB, for 5 s, and the peer closed it.',
    );
    assert.equal(
      text({ ...ended, direction: 'inbound', closed_by: 'local', peer: { ...ended.peer, name: 'db\u202e' } }),
      '{db\u202e} (10.0.0.2:443) connected to {curl} (812) at 10.0.0.1:40000, sent 77 B, received 1.23 kB, for 5 s, and this host closed it.',
    );
    assert.match(text({ ...ended, closed_by: 'reset' }), /, and it was reset\.$/);
  });

  test('says why a connection failed, in words and by name', () => {
    const { closed_by: _, bytes_sent: _sent, bytes_received: _received, ...rest } = ended;
    assert.equal(
      text({ ...rest, event: 'fail', error: 'ECONNREFUSED', duration_us: 300 }),
      '{curl} (812) could not connect to 10.0.0.2:443: refused (ECONNREFUSED), after 300 µs.',
    );
    assert.match(text({ ...rest, event: 'fail', error: 'ESOMETHING' }), /: ESOMETHING, after/);
  });

  test('says of UDP that datagrams were exchanged, and of an open connection its state', () => {
    const udp = { transport: 'udp', type: 'ipv6' } as const;
    const peer = { address: '2001:db8::1', port: 53 };
    assert.match(
      text({ ...ended, event: 'udp_flow', network: udp, peer, closed_by: 'idle' }),
      /^\{curl\} \(812\) exchanged datagrams with \[2001:db8::1\]:53, .* until nothing came any more\.$/,
    );
    const { event: _, closed_by: _closed, duration_us: _duration, handshake_us: _handshake, ...open } = ended;
    assert.match(text({ ...open, state: 'established' }), /is connected to .* \(established\)\.$/);
    const { process: _process, ...unknown } = ended;
    assert.match(text(unknown), /^an unknown process connected/);
  });
});

describe('the course of a connection', () => {
  const titles = (connection: EndedConnection | OpenConnection) =>
    courseOf(connection).map(({ atMs, title }) => [
      title,
      Math.round((atMs - Date.parse('2026-11-26T10:00:00Z')) * 10) / 10,
    ]);

  test('has its moments in order', () => {
    assert.deepEqual(titles(ended), [
      ['Connect', 0],
      ['Established', 1.2],
      ['Close', 4999],
      ['Closed', 5000],
    ]);
    assert.deepEqual(titles({ ...ended, event: 'fail', error: 'ETIMEDOUT' }), [
      ['Connect', 0],
      ['Failed', 5000],
    ]);
    assert.deepEqual(titles({ ...ended, direction: 'inbound' })[0], ['Accepted', 0]);
  });

  test('has only what is known', () => {
    const { duration_us: _, closing_us: _closing, ...rest } = ended;
    assert.deepEqual(titles(rest), [['Closed', 5000]]);
  });
});

describe('what is known of an end', () => {
  test('has figures with units, and none that are not known', () => {
    const figures = Object.fromEntries(figuresOfEnd(ended));
    assert.equal(figures.Retransmits, '2 of 10 segments');
    assert.equal(figures.Handshake, '1.2 ms');
    assert.ok(!('Subflows' in figures) && !('Datagrams sent' in figures));
  });

  test('has the process, and not its thread where that is the same', () => {
    assert.deepEqual(
      processRows(ended).map(({ name, value }) => `${name} ${value}`),
      ['Name curl', 'Process id 812', 'User id 0', 'Program /usr/bin/curl'],
    );
    assert.deepEqual(outcomeOf({ ...ended, closed_by: 'timeout' }), { text: 'timeout', isBad: true });
  });
});

describe('minutes of a connection', () => {
  const start = Date.parse('2026-11-26T10:00:00Z');
  const minute = (count: number, more: Partial<Interval> = {}): Interval => ({
    ...{ host: ended.host, local: ended.local, span_us: 60_000_000, bytes_sent: count, ...more },
    time: `2026-11-26T10:0${count}:00.000000000Z`,
  });

  test('that moved nothing are zero, also before the first and after the last one', () => {
    const { times, sent } = intervalSteps([minute(2), minute(5)], { from: start, to: start + 420_000 });
    assert.deepEqual(
      times.map((time) => (time - start) / 60_000),
      [0, 1, 2, 4, 5],
    );
    assert.deepEqual(sent, [0, 2, 0, 5, 0]);
  });

  test('of which nothing was recorded are holes', () => {
    const hole = { from: '2026-11-26T10:02:05.000000000Z', to: '2026-11-26T10:03:55.000000000Z' };
    const { sent, retransmits } = intervalSteps(
      [minute(2), minute(5, { retransmits: 3 })],
      { from: start + 60_000, to: start + 300_000 },
      [hole],
    );
    assert.deepEqual(sent, [2, null, 5]);
    assert.deepEqual(retransmits, [0, null, 3]);
  });
});
