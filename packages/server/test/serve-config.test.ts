import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ConfigError } from '@weir/config';
import { isLoopback, parseServeConfig, serveSchemaText } from '../src/config/index.js';

function problems(text: string): readonly string[] {
  try {
    parseServeConfig(text, 'f');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.lines;
  }
  return [];
}

describe('the configuration of weir serve', () => {
  for (const text of ['', '# nothing\n', '{}', '\n# yaml-language-server: $schema=x\n\n'])
    it(`has every default for ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parseServeConfig(text), {
        folder: '/var/lib/weir',
        record: { udp: false, enrichment: true, names: false, maxConnections: 65_536 },
        retention: { age: 30 * 86_400_000, size: 10_000_000_000 },
        listen: [{ host: '127.0.0.1', port: 9436 }],
        insecure: false,
        tokens: [],
        names: [],
        origins: [],
        limits: { rows: 100_000, time: 30_000, queries: 4, waiting: 64, streams: 500 },
        exporters: [],
        networks: { groups: {}, files: [] },
        geo: {},
        peers: [],
        metrics: {
          labels: ['process', 'unit', 'container', 'pod', 'peer'],
          addresses: [
            ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
            ...['fc00::/7', 'fe80::/10'],
          ],
          groups: {},
          maxSeries: 20_000,
          idle: 3_600_000,
        },
      });
    });

  it('has tokens in files, whose names differ', () => {
    const { tokens } = parseServeConfig('tokens: [{name: a, file: /a}, {name: b, file: /b, role: sql}]');
    assert.deepEqual(tokens, [
      { name: 'a', file: '/a', role: 'read' },
      { name: 'b', file: '/b', role: 'sql' },
    ]);
    assert.deepEqual(problems('tokens:\n- {name: a, file: /a}\n- {name: a, file: /b}'), [
      'f:3:10: tokens: a is there twice',
    ]);
    assert.match(problems('tokens: [{name: "a b", file: /a}]').join(), /expected letters, digits/);
  });

  it('keeps the defaults beside what is set', () => {
    const config = parseServeConfig('retention: {age: 1y}\nrecord: {udp: true}\nlimits: {time: 5s}');
    assert.deepEqual(config.retention, { age: 365 * 86_400_000, size: 1e10 });
    assert.equal(config.record.udp, true);
    assert.equal(config.record.enrichment, true);
    assert.equal(config.limits.time, 5000);
  });

  it('is refused with each of its mistakes, at their lines', () => {
    const text = [
      'folder: lib/weir',
      'user: "Weir Server"',
      'record:',
      '  udb: true',
      'retention:',
      '  age: 30',
      '  size: 5MB',
      'listen:',
      '- localhost:9436',
      'origins: ["tools.example"]',
      'limits: {queries: 0}',
    ].join('\n');
    assert.deepEqual(
      problems(text).map((line) => line.split(':').slice(0, 4).join(':')),
      [
        'f:1:9: folder',
        'f:2:7: user',
        'f:4:3: udb is not known here; did you mean udp?',
        'f:6:8: age',
        'f:7:9: size',
        'f:9:3: listen',
        'f:10:11: origins',
        'f:11:19: queries',
      ],
    );
  });

  it('is refused with the place of a filter that makes no sense, in the file and in the filter', () => {
    assert.deepEqual(problems('folder: /x\nrecord:\n  udp: true\n  filter: comm=curl prot=443').length, 1);
    const [line] = problems('folder: /x\nrecord:\n  udp: true\n  filter: comm=curl prot=443');
    assert.match(line!, /^f:4:11: filter: .*did you mean proto=443\? \(column 11\)$/);
    assert.deepEqual(problems('record: {filter: "user=root not port:22"}'), []);
  });

  it('listens beyond loopback only with TLS, or where that is said to be meant', () => {
    const message = 'f:1:10: listen: 0.0.0.0 is reached from elsewhere: set tls, or insecure: true';
    assert.deepEqual(problems('listen: ["0.0.0.0:80", "127.0.0.1:81"]'), [message]);
    assert.deepEqual(problems('listen: ["0.0.0.0:80"]\ninsecure: true'), []);
    assert.deepEqual(problems('listen: ["[2001:db8::1]:80"]\ntls: {certificate: /a, key: /b}'), []);
  });

  it('listens at an address once', () => {
    const text = 'listen: ["127.0.0.1:80", "[::1]:80", "127.0.0.1:80", "127.0.0.1:0", "127.0.0.1:0"]';
    assert.deepEqual(problems(text), ['f:1:38: listen: 127.0.0.1 and port 80 are there twice']);
  });

  it('names a ClickHouse without a password, whose tables are laid out as it can', () => {
    assert.deepEqual(parseServeConfig('store: {url: "clickhouses://weir@ch.example/weir"}').store, {
      url: 'clickhouses://weir@ch.example/weir',
      migrate: true,
      replicated: false,
      distributed: false,
      spread: 300_000,
      keep: { ends: 30, intervals: 30, opens: 7, losses: 730, minutes: 90, hours: 730 },
    });
    const spread = (time: string) => `store: {url: "clickhouse://h/d", spread: ${time}}`;
    assert.equal(parseServeConfig(spread('55m')).store!.spread, 3_300_000);
    assert.deepEqual(problems(spread('1h')), ['f:1:42: spread: expected a time of 55m at most']);
    const [secret] = problems('store: {url: "clickhouse://weir:hunter2@ch.example/weir"}');
    assert.match(secret!, /^f:1:14: url: a password does not belong into the address/);
    assert.doesNotMatch(secret!, /hunter2/);
    for (const url of [
      'http://ch.example/weir',
      'clickhouse://ch.example',
      'clickhouse://h/a/b',
      'clickhouse://h/d?x=1',
    ])
      assert.match(
        problems(`store: {url: "${url}"}`)[0]!,
        /expected clickhouse:\/\/\[USER@\]HOST\[:PORT\]\/DATABASE/,
      );
    assert.match(problems('store: {url: "clickhouse://h/a%22b"}')[0]!, /is no name of letters/);
    assert.deepEqual(problems('store: {url: "clickhouse://h/d", distributed: true}'), [
      'f:1:47: store.distributed: needs store.cluster, over which rows are spread',
    ]);
  });

  it('is described by the JSON Schema that is published', () => {
    const file = readFileSync(new URL('../../weir-serve.schema.json', import.meta.url), 'utf8');
    assert.equal(file, serveSchemaText(), 'run npm run build:schema');
  });
});

describe('loopback', () => {
  for (const address of ['127.0.0.1', '127.8.9.1', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])
    it(`has ${address}`, () => assert.ok(isLoopback(address)));
  for (const address of ['0.0.0.0', '::', '128.0.0.1', '10.0.0.1', '::2', '::127.0.0.1', '::ffff:10.0.0.1'])
    it(`does not have ${address}`, () => assert.ok(!isLoopback(address)));

  it('has the defaults of each kind of exporter', () => {
    const { exporters } = parseServeConfig(
      'exporters: [{type: otlp}, {type: tcp, to: "tls://[::1]:5171"}, {type: file, path: /a}, {type: syslog}, {type: journald}]',
    );
    const queue = 32e6;
    assert.deepEqual(exporters, [
      { type: 'otlp', queue, records: true, headers: {}, attributes: {} },
      { type: 'tcp', queue, to: { kind: 'tls', host: '::1', port: 5171 } },
      { type: 'file', queue, path: '/a', size: 1e8, every: 86_400_000, files: 10 },
      { type: 'syslog', queue, to: { kind: 'unix', path: '/dev/log' }, facility: 'daemon' },
      { type: 'journald', queue, socket: '/run/systemd/journal/socket' },
    ]);
  });

  it('is refused with each mistake in its exporters, at their lines', () => {
    const text = [
      'exporters:',
      '- type: kafka',
      '- type: otlp',
      '  endpoint: collector:4318',
      '  headers: {"a b": c}',
      '  header: {}',
      '- type: tcp',
      '  to: udp://a:1',
      '- type: syslog',
      '  to: syslog.example',
      '- type: file',
      '  path: log',
      '  size: 1MB',
    ].join('\n');
    assert.deepEqual(
      problems(text).map((line) => line.split(':').slice(0, 4).join(':')),
      [
        'f:2:9: type',
        'f:4:13: endpoint',
        'f:5:12: headers',
        'f:6:3: header is not known here; did you mean headers?',
        'f:8:7: to',
        'f:10:7: to',
        'f:12:9: path',
        'f:13:9: size',
      ],
    );
    const [first] = problems(text);
    assert.match(first!, /expected otlp or tcp or file or syslog or journald/);
  });

  it('is refused where exporters do not fit together, or a filter of one makes no sense', () => {
    const text = [
      'exporters:',
      '- type: otlp',
      '  filter: prot=443',
      '- type: otlp',
      '- {name: a, type: file, path: /x}',
      '- {name: b, type: file, path: /x}',
      '- {type: tcp, to: "tcp://a:1", tls: {ca: /c}}',
      '- {type: syslog, to: "tls://a:1", tls: {key: /k}}',
    ].join('\n');
    const found = problems(text);
    assert.match(found[0]!, /^f:3:11: filter: .*did you mean proto=443/);
    assert.deepEqual(found.slice(1), [
      'f:4:3: exporters: two are called otlp: give each a name',
      'f:6:31: path: two exporters write /x',
      'f:7:37: tls: tcp has none: write tls:// before the host',
      'f:8:40: tls: a certificate and its key belong together',
    ]);
  });

  it('names other hosts by their addresses, and refuses what is none, or would be in the clear', () => {
    const { peers } = parseServeConfig(
      'peers: [{url: "https://db-1.example:9436"}, {url: "http://127.0.0.1:9436", name: here, token: {env: T}, timeout: 3s}]',
    );
    assert.deepEqual(peers, [
      { url: 'https://db-1.example:9436', timeout: 10_000 },
      { url: 'http://127.0.0.1:9436', name: 'here', token: { env: 'T' }, timeout: 3_000 },
    ]);
    for (const url of [
      'db-1:9436',
      'ftp://db-1',
      'https://me:secret@db-1',
      'https://db-1/api',
      'https://db-1/?a',
      'x',
    ])
      assert.match(problems(`peers: [{url: "${url}"}]`)[0]!, /expected the address of an API/, url);
    assert.match(problems('peers: [{url: "https://a", token: secret}]')[0]!, /token/);
    const text = [
      'peers:',
      '- url: https://a:1',
      '- url: https://a:2',
      '- url: http://[2001:db8::1]:9436',
      '- url: http://db-1.example:9436',
      '- url: http://localhost:9436',
    ].join('\n');
    assert.deepEqual(problems(text), [
      'f:3:3: peers: a is there twice: give each a name',
      'f:4:3: peers: 2001:db8::1 would be asked in the clear: use https, or insecure: true',
      'f:5:3: peers: db-1.example would be asked in the clear: use https, or insecure: true',
    ]);
    assert.equal(
      parseServeConfig('{insecure: true, peers: [{url: "http://10.0.0.1:9436"}]}').peers.length,
      1,
    );
  });
});
