/** `weir serve` from a folder that its server's user cannot read, such as a clone in /root. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TestNetns } from './support/load.js';
import { folder, launch, Serve, until } from './support/serve.js';

const clone = fileURLToPath(new URL('../../../..', import.meta.url));
const closed = join(mkdtempSync(join(tmpdir(), 'weir-closed-')), 'weir');
mkdirSync(closed);

/** Runs a command line of which the program is in the closed folder, in a mount namespace of its own. */
const prefix = [
  ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$2" && shift 3 && exec "$0" "$@"'],
  ...[process.execPath, clone, closed],
];
const bin = join(closed, 'packages/cli/bin/weir.js');

async function ask(socketPath: string, path: string, body?: Buffer | string, type = 'application/json') {
  const method = body === undefined ? 'GET' : 'POST';
  const sent = request({ socketPath, path: `/api/v1${path}`, method, headers: { 'content-type': type } });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await buffer(response);
  assert.equal(response.statusCode, 200, `${path}: ${answer}`);
  return answer;
}

describe('weir serve from a folder that only root can read', () => {
  it('answers every question, exports, imports, and makes tokens', async () => {
    assert.equal(statSync(join(closed, '..')).mode & 0o777, 0o700);
    chmodSync(closed, 0o700);
    using netns = new TestNetns();
    Object.assign(launch, { prefix, script: bin });
    const config = join(folder, 'serve.yaml');
    const [store, otlp] = [
      { url: 'clickhouse://127.0.0.1:1/weir' },
      { type: 'otlp', endpoint: 'http://127.0.0.1:1' },
    ];
    writeFileSync(config, JSON.stringify({ store, exporters: [otlp] }));
    using serve = new Serve(netns, '--config', config);
    await serve.ready();
    await netns.load('pairs', '--count', '5', '--send', '9', '--reply', '9');
    const { api } = serve.paths;
    for (const path of [
      ...[
        '/status',
        '/health',
        '/ready',
        '/losses',
        '/hosts',
        '/connections?filter=peer:10.0.0.0/8',
        '/open-at',
      ],
      ...['/groups?by=process,peer&percentiles=0.5', '/series', '/map?networks=127.0.0.0/8', '/parquet'],
      ...['/compare?against=-2h..-1h', '/connections?filter=user%3Droot%20port%3Ahttps', '/openapi.json'],
    ])
      await ask(api, path);
    // Nothing listens there: their parts were loaded.
    await until('what needs more parts works', async () => {
      const { shipping, exporters } = JSON.parse((await ask(api, '/status')).toString());
      return [shipping, exporters[0]].every(({ problem }) => /ECONNREFUSED/.test(problem));
    });
    await ask(api, '/sql', JSON.stringify({ sql: 'SELECT count(*) FROM ends' }));
    const file = await ask(api, '/export?range=-1h');
    const { source } = JSON.parse((await ask(api, '/import', file, 'application/x-tar')).toString());
    await ask(api, `/connections?source=${source}`);
    const args = [process.execPath, bin, 'serve', 'token', 'add', 'a', '--folder', serve.paths.folder];
    const [program, ...rest] = [...prefix, ...args];
    const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.match(await text(child.stdout), /^weir_/);
    await (await serve.history()).close();
  });
});
