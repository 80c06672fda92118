/** `weir serve` that listens beyond loopback, asked from another network namespace at the other end of a veth pair. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { bin, onlyLine, runWeir, WeirProcess } from './support/command.js';
import { TestNetns } from './support/load.js';

const SERVER = '10.94.7.1';
const CLIENT = '10.94.7.2';
const PORT = 9436;

const folder = mkdtempSync(join(tmpdir(), 'weir-tls-'));
// The server's user passes through it, and reads the files below.
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true, force: true }));

/** A certificate for the server's address, signed by itself. */
function certificate(name: string, address = SERVER) {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=IP:${address}`, '-days', '1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  for (const path of [key, cert]) execFileSync('chown', ['nobody', path]);
  chmodSync(cert, 0o644);
  return { key, cert };
}

/** Two hosts with a cable. */
class Hosts implements Disposable {
  readonly server = new TestNetns();
  readonly client = new TestNetns();

  constructor() {
    const { server, client } = this;
    const ip = (...args: string[]) => execFileSync('ip', args);
    ip(
      'link',
      'add',
      'tls0',
      'netns',
      server.name,
      'type',
      'veth',
      'peer',
      'name',
      'tls1',
      'netns',
      client.name,
    );
    ip('-n', server.name, 'address', 'add', `${SERVER}/24`, 'dev', 'tls0');
    ip('-n', client.name, 'address', 'add', `${CLIENT}/24`, 'dev', 'tls1');
    ip('-n', server.name, 'link', 'set', 'tls0', 'up');
    ip('-n', client.name, 'link', 'set', 'tls1', 'up');
  }

  /** Runs a command on the client. */
  run(...command: string[]) {
    return spawnSync('nsenter', [`--net=/run/netns/${this.client.name}`, ...command], { encoding: 'utf8' });
  }

  /** @returns curl's exit status, and the status of the answer where there was one. */
  curl(url: string, ...args: string[]): [exit: number | null, status: number] {
    const { status, stdout } = this.run(
      ...['curl', '-sS', '--max-time', '20', '-o', '/dev/null', '-w', '%{http_code}', ...args, url],
    );
    return [status, Number(stdout)];
  }

  serve(folder: string, ...args: string[]): WeirProcess {
    const own = ['--folder', folder, '--netns', this.server.name, '--listen', `${SERVER}:${PORT}`];
    return new WeirProcess(
      ['serve', ...own, '--ready-fd', '3', ...args],
      ['nsenter', `--net=/run/netns/${this.server.name}`],
    );
  }

  [Symbol.dispose](): void {
    this.server[Symbol.dispose]();
    this.client[Symbol.dispose]();
  }
}

async function end(weir: WeirProcess): Promise<void> {
  const { status, stderr } = await weir.end('SIGTERM');
  assert.equal(status, 0, stderr);
}

describe('weir serve beyond loopback', () => {
  it('answers over TLS to whoever has a token, by a certificate that can change while it runs', async () => {
    using hosts = new Hosts();
    const own = join(folder, 'tls');
    const [first, second] = [certificate('first'), certificate('second')];
    const config = join(folder, 'serve.yaml');
    const use = ({ cert, key }: typeof first) =>
      writeFileSync(config, `tls: {certificate: ${cert}, key: ${key}}\n`);
    use(first);
    const added = await runWeir(['serve', 'token', 'add', 'ops', '--folder', own]);
    const token = added.stdout.trim();
    assert.match(token, /^weir_/, added.stderr);
    using weir = hosts.serve(own, '--config', config);
    await weir.ready();
    const url = `https://${SERVER}:${PORT}/api/v1/losses`;
    const trusted = ['--cacert', first.cert];
    const login = ['-H', `Authorization: Bearer ${token}`];
    assert.deepEqual(hosts.curl(url, ...trusted, ...login), [0, 200]);
    assert.deepEqual(hosts.curl(url, ...trusted), [0, 401], 'without a token');
    assert.deepEqual(hosts.curl(url, ...trusted, '-H', 'Authorization: Bearer weir_wrong'), [0, 401]);
    assert.deepEqual(hosts.curl(url, '--cacert', second.cert, ...login), [60, 0], 'signed by somebody else');
    assert.deepEqual(hosts.curl(url, ...trusted, ...login, '-H', 'Host: evil.test'), [0, 421]);
    assert.deepEqual(hosts.curl(url, ...trusted, ...login, '-H', 'Host: localhost'), [0, 421]);
    assert.deepEqual(
      hosts.curl(url, ...trusted, ...login, '-H', 'Origin: https://evil.test', '-X', 'POST'),
      [0, 403],
    );
    const [, plain] = hosts.curl(url.replace('https', 'http'), ...login);
    assert.equal(plain, 0, 'no answer without TLS');
    const old = hosts.curl(url, ...trusted, ...login, '--tls-max', '1.1', '--ciphers', 'DEFAULT@SECLEVEL=0');
    assert.equal(old[1], 0, 'no answer by TLS 1.1');

    const file = join(folder, 'token');
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    const query = (cert: string) =>
      hosts.run(
        process.execPath,
        bin,
        'query',
        '--url',
        `https://${SERVER}:${PORT}`,
        '--token',
        file,
        '--cacert',
        cert,
      );
    assert.equal(query(first.cert).status, 0);
    const { status, stderr } = query(second.cert);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /certificate/);

    use(second);
    weir.child.kill('SIGHUP');
    for (const end = Date.now() + 60_000; hosts.curl(url, '--cacert', second.cert, ...login)[0] !== 0; )
      assert.ok(Date.now() < end, 'the second certificate is never used');
    assert.deepEqual(hosts.curl(url, '--cacert', second.cert, ...login), [0, 200]);
    assert.equal(hosts.curl(url, ...trusted, ...login)[0], 60, 'the first certificate is used no more');
    await end(weir);
  });

  it('answers anybody, without TLS, only with --insecure', async () => {
    using hosts = new Hosts();
    const own = join(folder, 'insecure');
    using careful = hosts.serve(own);
    const { status, stderr } = await careful.ended;
    assert.equal(status, 2, stderr);
    assert.match(onlyLine(stderr), /insecure/);
    assert.equal(hosts.curl(`http://${SERVER}:${PORT}/api/v1/losses`)[1], 0);
    using weir = hosts.serve(own, '--insecure');
    await weir.ready();
    assert.deepEqual(hosts.curl(`http://${SERVER}:${PORT}/api/v1/losses`), [0, 200]);
    assert.deepEqual(hosts.curl(`http://${SERVER}:${PORT}/api/v1/losses`, '-H', 'Host: evil.test'), [0, 421]);
    assert.deepEqual(
      hosts.curl(`http://${SERVER}:${PORT}/api/v1/losses`, '-H', 'Origin: http://evil.test'),
      [0, 403],
    );
    await end(weir);
  });
});
