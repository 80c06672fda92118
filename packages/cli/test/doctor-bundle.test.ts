import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { serveOutline, validity } from '../src/doctor/configurations.js';
import { bundleFiles, bundlePath, listFiles, packBundle, writeBundle } from '../src/doctor/doctor-bundle.js';
import { mounts, privateNames } from '../src/doctor/host-state.js';
import { redact, redactValue } from '../src/doctor/redaction.js';

const names = {
  hosts: ['quokka.example.org', 'quokka'],
  users: ['zelda', 'root'],
  interfaces: ['lo', 'wombat0'],
  release: '6.6.87.2-custom',
};

describe('redaction', () => {
  it('leaves out names, addresses and what is below home folders', () => {
    const cases = [
      ['on quokka.example.org, quokka', 'on <host>, <host>'],
      ['by zelda on wombat0 and lo', 'by <user> on <interface> and lo'],
      ['10.1.2.3:80 and 2001:db8::7 and fe80::1', '<address>:80 and <address> and <address>'],
      ['link_wombat0', 'link_<interface>'],
      ['02:00:5e:10:20:30', '<mac>'],
      ["open '/home/zelda/a/types.btf'", "open '/home/<path>'"],
      ['https://me:token@example.org/x', '<url>'],
    ] as const;
    for (const [text, expected] of cases) assert.equal(redact(text, names), expected);
  });

  it('keeps what says nothing: times, the kernel, root, parts of words', () => {
    for (const text of ['12:30:45', '6.6.87.2-custom', 'run it as root', 'map::get', 'fentry:zeldas'])
      assert.equal(redact(text, names), text);
  });

  it('keeps keys and numbers of a value', () => {
    assert.deepEqual(redactValue({ quokka: ['quokka', 3] }, names), { quokka: ['<host>', 3] });
  });
});

describe('the bundle', () => {
  it('has no private text in any of its files', async () => {
    const private_ = ['quokka', 'zelda', 'wombat0', '10.1.2.3', '2001:db8::7', 'types.btf'];
    const text = `${private_.slice(0, 5).join(' ')} /home/zelda/types.btf\n`;
    const files = bundleFiles({ text, value: { problems: [{ what: text }] } }, names);
    const unpacked = gunzipSync(await packBundle(files)).toString();
    assert.match(unpacked, /weir-doctor\/doctor\.txt/);
    assert.match(unpacked, /"node": "v\d+/);
    for (const each of private_) assert.ok(!unpacked.includes(each), each);
  });

  it('lacks the names and variables of this host', () => {
    const env = { USER: 'zelda', WEIR_TOKEN: 'quokka-token' };
    const found = privateNames(env);
    assert.ok(found.users.includes('zelda'));
    const text = [...found.hosts, ...found.interfaces].join('\n');
    const all = bundleFiles({ text, value: {} }, found).map((file) => file.text);
    for (const name of found.interfaces.filter((each) => each !== 'lo'))
      assert.ok(!all.some((each) => new RegExp(`\\b${name}\\b`).test(each)), name);
    assert.ok(!all.join('').includes('quokka-token'));
  });

  it('names mounts below /sys only', () => {
    const text = 'bpf /sys/fs/bpf bpf rw,nosuid 0 0\nbpf /srv/zelda bpf ro 0 0\n/dev/x / ext4 rw 0 0';
    assert.deepEqual(mounts(text), [
      { type: 'bpf', place: '/sys/fs/bpf', mode: 'rw' },
      { type: 'bpf', place: '<elsewhere>', mode: 'ro' },
    ]);
  });

  it('says of a configuration no more than whether it can be used', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-bundle-'));
    try {
      const path = join(folder, 'balance.yaml');
      assert.equal(validity(path), '(ENOENT)');
      writeFileSync(path, 'quokka: 10.1.2.3\n');
      assert.equal(validity(path), 'not valid');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says what the configuration of weir serve switches on, and none of the texts in it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-bundle-'));
    try {
      const path = join(folder, 'serve.yaml');
      assert.equal(serveOutline(path), '(ENOENT)');
      writeFileSync(
        path,
        `folder: /srv/quokka
user: quokka
listen: ["10.1.2.3:9436", "[::1]:9437"]
tls: {certificate: /etc/quokka.pem, key: /etc/quokka.key}
tokens: [{name: quokka, role: sql, file: /etc/quokka}]
names: [quokka.example.org]
origins: ["https://quokka.example.org"]
proxy: {from: [10.1.2.4], userHeader: X-Quokka}
record: {filter: "process=quokka", udp: true}
store: {url: "clickhouse://quokka@quokka:8123/quokka", passwordFile: /quokka, cluster: quokka}
exporters:
- {type: otlp, name: quokka, headers: {authorization: quokka-secret, x-quokka: {env: QUOKKA}}, attributes: {quokka: quokka}}
- {type: tcp, to: "tls://quokka:5171", filter: 'peer:10.1.2.5', tls: {ca: /quokka, serverName: quokka}}
peers: [{url: "https://quokka:9436", token: {env: QUOKKA_TOKEN}, name: quokka}]
metrics: {labels: [process, peer], addresses: [10.1.2.0/24], groups: {quokka: [10.1.2.6]}}
networks: {groups: {quokka: [10.1.2.7]}, files: [{path: /quokka, name: quokka}]}
kubernetes: {server: "https://quokka:6443", tokenFile: /quokka, ca: /quokka}
geo: {country: /quokka, asn: /quokka}
`,
      );
      const outline = serveOutline(path) as Record<string, unknown>;
      assert.doesNotMatch(JSON.stringify(outline), /quokka|10\.1\.2/i);
      assert.deepEqual(outline.listen, [
        { reach: 'elsewhere', port: 9436 },
        { reach: 'loopback', port: 9437 },
      ]);
      assert.deepEqual(outline.tokens, [{ name: '<text>', role: 'sql', file: '<text>' }]);
      const { udp, maxConnections } = outline.record as Record<string, unknown>;
      assert.deepEqual([udp, maxConnections], [true, 65_536]);
      const [otlp, tcp] = outline.exporters as Record<string, unknown>[];
      assert.deepEqual([otlp!.type, otlp!.headers, tcp!.type], ['otlp', { number: 2 }, 'tcp']);
      assert.deepEqual((outline.metrics as { labels: unknown }).labels, ['process', 'peer']);
      writeFileSync(path, 'quokka: secret\n');
      assert.equal(serveOutline(path), 'not valid');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is a file of its owner, and never replaces another', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-bundle-'));
    try {
      const path = join(folder, bundlePath(new Date('2026-01-02T03:04:05Z')));
      assert.match(path, /weir-doctor-2026-01-02\.tar\.gz$/);
      writeBundle(path, Buffer.from('x'));
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.throws(() => writeBundle(path, Buffer.from('y')), /exists; name another file/);
      assert.match(listFiles(path, [{ name: 'a', text: 'é' }]), / a +2 bytes\n/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
