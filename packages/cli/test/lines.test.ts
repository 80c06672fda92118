import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { ansiColour } from '../src/text/colour.js';
import { TextFormatter, type TextOptions } from '../src/text/lines.js';
import { displayWidth } from '../src/text/width.js';
import {
  accept,
  close,
  connect,
  enriched,
  fail,
  fdInstall,
  longIpv6,
  lost,
  shortIpv6,
  udpFlow,
} from './support/records.js';

process.env.TZ = 'Asia/Kolkata';

function format(options: TextOptions, ...records: EnrichedRecord[]): string[] {
  const formatter = new TextFormatter(options);
  const text = formatter.header() + records.map((record) => formatter.line(record)).join('');
  assert.ok(text.endsWith('\n'));
  return text.slice(0, -1).split('\n');
}

const oneOfEach = [
  connect(),
  accept({ process: { pid: 7, tid: 7, comm: 'nginx', uid: 33 }, local: { address: '10.0.0.5', port: 80 } }),
  accept({ accounted: 'listener' }),
  fail(),
  close({ retransmits: 3, closed_by: 'reset' }),
  udpFlow(),
  udpFlow({ direction: 'inbound', datagrams_sent: 0, bytes_sent: 0, duration_us: 0, closed_by: 'local' }),
  fdInstall({ process: { pid: 7, tid: 7, comm: 'nginx', uid: 33 } }),
  lost(),
];

describe('text lines', () => {
  it('say how many processes may have accepted', () => {
    const shared = accept({ accounted: 'listener', candidates: 3 });
    const { process: _, ...unseen } = accept({ accounted: 'listener' });
    const [, first, second] = format({}, shared, unseen);
    assert.match(first!, /one of 3 processes that listen$/);
    assert.match(second!, /process not seen$/);
  });

  it('are aligned, for every kind of event', () => {
    assert.deepEqual(format({}, ...oneOfEach), [
      'TIME         EVENT       PID COMM            LOCAL                   PEER',
      '10:36:07.123 connect    4242 curl            10.0.0.5:40000        → 192.0.2.1:443         handshake 12.3 ms',
      '10:36:07.123 accept        7 nginx           10.0.0.5:80           ← 192.0.2.1:443',
      "10:36:07.123 accept     4242 curl            10.0.0.5:40000        ← 192.0.2.1:443         listener's owner",
      '10:36:07.123 fail       4242 curl            10.0.0.5:40000        → 192.0.2.1:443         ECONNREFUSED after 0.085 ms',
      '10:36:07.123 close      4242 curl            10.0.0.5:40000        → 192.0.2.1:443         1.52 s, sent 517 B, received 1.23 MB, 3 retransmits, srtt 0.850 ms, reset by peer',
      '10:36:07.123 udp        4242 curl            10.0.0.5:40000        → 192.0.2.53:53         850 µs, sent 40 B in 1 datagram, received 1.23 kB in 2 datagrams, idle',
      '10:36:07.123 udp        4242 curl            10.0.0.5:40000        ← 192.0.2.53:53         received 1.23 kB in 2 datagrams, closed by local',
      '10:36:07.123 fd            7 nginx           descriptor 12',
      '10:36:07.123 lost    37 events: the ring buffer was full',
    ]);
  });

  it('end with enrichment, of which nothing acts on a terminal', () => {
    assert.deepEqual(format({}, enriched()).slice(1), [
      '10:36:07.123 connect    4242 curl            10.0.0.5:40000        → 192.0.2.1:443         handshake 12.3 ms, ' +
        'service https, peer example.com, unit docker.service, pod shop/web-0, ' +
        'docker container web (0123456789ab), executable /usr/bin/curl, command curl -s https://example.com/a,b',
    ]);
    const record = enriched();
    const evil = `\x1b[2J\u202e\n${'x'.repeat(300)}`;
    const process = {
      ...record.process,
      executable: evil,
      command_line: evil,
      unit: evil,
      container_id: evil,
      container_name: evil,
      pod_name: evil,
      pod_namespace: evil,
    };
    const hostile = {
      ...record,
      process,
      service: evil,
      peer: { ...record.peer, name: evil },
    } as typeof record;
    for (const line of format({ width: 80 }, hostile)) {
      assert.ok(displayWidth(line) <= 80, line);
      assert.doesNotMatch(line, /\p{C}/u);
    }
  });

  it('fit 80 columns, with details below', () => {
    assert.deepEqual(format({ width: 80 }, connect(), close(), accept(), lost({ count: 1, where: 'map' })), [
      'TIME     EVENT       PID COMM      LOCAL                   PEER',
      '10:36:07 connect    4242 curl      10.0.0.5:40000        → 192.0.2.1:443',
      '                                   handshake 12.3 ms',
      '10:36:07 close      4242 curl      10.0.0.5:40000        → 192.0.2.1:443',
      '                                   1.52 s, sent 517 B, received 1.23 MB,',
      '                                   srtt 0.850 ms, closed by local',
      '10:36:07 accept     4242 curl      10.0.0.5:40000        ← 192.0.2.1:443',
      '10:36:07 lost    1 event: the connection table was full',
    ]);
  });

  it('never exceed a terminal of 79 columns or more, whatever the addresses and names', () => {
    const wideName = { pid: 4_194_304, tid: 1, comm: '\x1b[2J\u202e\x1b[2J進程', uid: 0 };
    const records = [
      ...oneOfEach,
      connect({ ...longIpv6, process: wideName }),
      close({ ...longIpv6, ...{ retransmits: 9 } }),
    ];
    for (let width = 79; width < 220; width++) {
      for (const line of format({ width }, ...records, ...oneOfEach)) {
        assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
      }
    }
  });

  it('have no address that a terminal of fewer columns would break', () => {
    const ports = {
      local: { address: '255.255.255.254', port: 65_535 },
      peer: { address: '10.200.100.1', port: 443 },
    };
    const records = [...oneOfEach, connect(ports), close(ports), connect(shortIpv6)];
    for (let width = 29; width < 79; width++) {
      const lines = format({ width }, ...records);
      for (const line of lines) assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
      for (const address of [
        '10.0.0.5:40000',
        '255.255.255.254:65535',
        '10.200.100.1:443',
        '[2001:db8::a:b:c:d]:443',
      ]) {
        assert.ok(
          lines.some((line) => line.includes(address)),
          `${address} at ${width} columns`,
        );
      }
    }
    assert.deepEqual(format({ width: 60 }, close(), connect(longIpv6), lost({ count: 1, where: 'map' })), [
      'TIME     EVENT       PID COMM',
      '  LOCAL                   PEER',
      '10:36:07 close      4242 curl           ',
      '  10.0.0.5:40000        → 192.0.2.1:443',
      '  1.52 s, sent 517 B, received 1.23 MB, srtt 0.850 ms,',
      '  closed by local',
      '10:36:07 connect    4242 curl           ',
      '  [2001:0db8:85a3:1111:2222:8a2e:0370:7334]:54321',
      '→ [fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:0001]:65535',
      '  handshake 12.3 ms',
      '10:36:07 lost    1 event: the connection table was full',
    ]);
  });

  it('keep IPv6 addresses aligned, whole where there is room', () => {
    assert.deepEqual(format({}, connect(), connect(longIpv6), connect(shortIpv6), connect()).slice(1), [
      '10:36:07.123 connect    4242 curl            10.0.0.5:40000        → 192.0.2.1:443         handshake 12.3 ms',
      '10:36:07.123 connect    4242 curl            [2001:0db8:85a3:1111:2222:8a2e:0370:7334]:54321 → [fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:0001]:65535 handshake 12.3 ms',
      '10:36:07.123 connect    4242 curl            [::1]:54321                                     → [2001:db8::a:b:c:d]:443                         handshake 12.3 ms',
      '10:36:07.123 connect    4242 curl            10.0.0.5:40000                                  → 192.0.2.1:443                                   handshake 12.3 ms',
    ]);
    assert.deepEqual(format({ width: 100 }, connect(longIpv6), connect(shortIpv6), connect()).slice(1), [
      '10:36:07.123 connect    4242 curl            [2001:0db8…370:7334]:54321 → [fd00:aaaa…fff:0001]:65535',
      '                                             handshake 12.3 ms',
      '10:36:07.123 connect    4242 curl            [::1]:54321                → [2001:db8::a:b:c:d]:443',
      '                                             handshake 12.3 ms',
      '10:36:07.123 connect    4242 curl            10.0.0.5:40000             → 192.0.2.1:443',
      '                                             handshake 12.3 ms',
    ]);
  });

  it('escape a hostile name, on one line', () => {
    const hostile = connect({ process: { pid: 1, tid: 1, comm: 'x\n\x1b[31m\u202e\udcff', uid: 0 } });
    const [, line = ''] = format({}, hostile);
    assert.match(line, / {6}1 x\\n\\x1b\[31m\\u202e\\xff 10\.0\.0\.5/);
    const [, narrow = ''] = format({ width: 140 }, hostile);
    assert.match(narrow, / {6}1 x\\n\\x1b\[31m\\u2… 10\.0\.0\.5/);
  });

  it('leave out what is unknown', () => {
    const { process: _, direction: __, ...rest } = close();
    const { duration_us: a, bytes_sent: b, bytes_received: c, retransmits: d, srtt_us: e, ...unknown } = rest;
    assert.deepEqual(format({}, unknown).slice(1), [
      '10:36:07.123 close         - -               10.0.0.5:40000        - 192.0.2.1:443         closed by local',
    ]);
  });

  it('show times of any precision in the local zone', () => {
    const times = ['2026-12-31T23:59:59.9Z', '2026-12-31T23:59:59Z', '2026-12-31T23:59:59.000999999Z'];
    const shown = format({}, ...times.map((time) => lost({ time }))).slice(1);
    assert.deepEqual(
      shown.map((line) => line.slice(0, 12)),
      ['05:29:59.900', '05:29:59.000', '05:29:59.000'],
    );
  });

  it('keep their columns in colour', () => {
    const plain = format({ width: 100 }, ...oneOfEach);
    const coloured = format({ width: 100, paint: ansiColour }, ...oneOfEach);
    assert.ok(coloured.join('\n').includes('\x1b[31mfail   \x1b[39m'));
    assert.deepEqual(
      coloured.map((line) => stripVTControlCharacters(line)),
      plain,
    );
  });

  it('follow a terminal that changes its width', () => {
    const formatter = new TextFormatter({ width: 200 });
    formatter.line(connect(longIpv6));
    formatter.resize(80);
    assert.ok(
      formatter
        .line(connect(longIpv6))
        .split('\n')
        .every((line) => displayWidth(line) <= 80),
    );
  });
});
