/** What goes over the wire, with Debian's ClickHouse: a real server, though one that is too old for Weir's tables. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { ClickhouseConnection, prepareClickhouse } from '../src/clickhouse/index.js';
import { parseTarget } from '../src/clickhouse/target.js';
import { HistoryError } from '../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-clickhouse-wire-'));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function config(port: number): string {
  return `<yandex>
<logger><level>error</level><console>1</console></logger>
<http_port>${port}</http_port><listen_host>127.0.0.1</listen_host>
<path>${folder}/data/</path><tmp_path>${folder}/temporary/</tmp_path><users_config>users.xml</users_config>
<mark_cache_size>5000000</mark_cache_size><default_profile>default</default_profile><default_database>default</default_database>
</yandex>`;
}

const users = `<yandex><profiles><default/></profiles><quotas><default/></quotas>
<users><weir><password>correct</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></weir></users>
</yandex>`;

describe("ClickHouse's HTTP interface", () => {
  let server: ChildProcess;
  let port: number;
  const connect = (password: string) =>
    new ClickhouseConnection(parseTarget(`clickhouse://weir@127.0.0.1:${port}/weir`), {}, { password });

  before(async () => {
    port = await freePort();
    for (const name of ['data', 'temporary']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'config.xml'), config(port));
    writeFileSync(join(folder, 'users.xml'), users);
    server = spawn('clickhouse-server', [`--config-file=${join(folder, 'config.xml')}`], {
      stdio: 'ignore',
      cwd: folder,
    });
    const ended = once(server, 'exit').then(() => assert.fail('clickhouse-server ended'));
    const answers = async () => {
      for (;;) {
        const answer = await fetch(`http://127.0.0.1:${port}/ping`).catch(() => undefined);
        if (answer?.ok) return;
        await wait(50);
      }
    };
    await Promise.race([answers(), ended]);
    ended.catch(() => {});
  });
  after(async () => {
    server.kill('SIGKILL');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes statements and streams of rows from the user with the right password', async () => {
    await using connection = connect('correct');
    await connection.execute('CREATE TABLE default.numbers (n UInt64, t String) ENGINE = Log');
    const lines = Readable.from(
      (function* () {
        for (let n = 0; n < 1000; n++) yield `${n}\tafter\\t${n}\n`;
      })(),
    );
    await connection.insert('INSERT INTO default.numbers (n, t) FORMAT TabSeparated', lines, {
      max_insert_block_size: 100_000,
    });
    const url = `http://127.0.0.1:${port}/?user=weir&password=correct&query=`;
    const asked = encodeURIComponent(
      "SELECT count(), sum(n), min(t = concat('after\\t', toString(n))) FROM default.numbers",
    );
    assert.equal(await (await fetch(url + asked)).text(), '1000\t499500\t1\n');
  });

  it('refuses another password, and says so', async () => {
    await using connection = connect('wrong');
    await assert.rejects(prepareClickhouse(connection, { database: 'weir' }), /Wrong password for user weir/);
  });

  it('is refused by its version where that is too old for the tables', async () => {
    await using connection = connect('correct');
    const tooOld = (error: unknown) =>
      error instanceof HistoryError &&
      /^version 18\.\S+ is too old: Weir needs ClickHouse 22\.2/.test(error.message);
    await assert.rejects(prepareClickhouse(connection, { database: 'weir' }), tooOld);
  });
});
