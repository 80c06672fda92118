/** Servers that are killed while a collector sends. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HistoryStore } from '@weir/history';
import { queryGroups, querySql } from '@weir/history/query';
import { SCHEMA_VERSION } from '@weir/history/schema';
import { IngestClient, PROTOCOLS } from '../src/ingest/index.js';
import { at, endRow, epoch } from './support/batches.js';

const script = fileURLToPath(new URL('support/store-process.js', import.meta.url));
const KILLS = 12;

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('a server that is killed at random moments', () => {
  it('has every connection once, with all its bytes, and nothing is left in the spool', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-kill-'));
    const [socket, history, spool] = [join(folder, 'sock'), join(folder, 'history'), join(folder, 'spool')];
    const start = () =>
      spawn(process.execPath, [script, socket, history], { stdio: ['ignore', 'ignore', 'inherit'] });
    let server = start();
    try {
      const client = new IngestClient({
        path: socket,
        versions: { protocols: PROTOCOLS, version: '0.1.0', schema: SCHEMA_VERSION },
        epoch,
        memoryBytes: 100_000,
        spool: { folder: spool, maxBytes: 1e8, fileBytes: 200_000 },
        onProblem: (message) => assert.fail(message),
      });
      let sent = 0;
      let kills = 0;
      let isDone = false;
      const sending = (async () => {
        for (let seconds = 1; !isDone; seconds++) {
          const ends = Array.from({ length: 50 }, () => endRow(sent++));
          assert.ok(client.send({ time: at(seconds), monotonic_ns: seconds * 1e9, ends }));
          await sleep(20);
        }
      })();
      for (; kills < KILLS; kills++) {
        // From before it listens until well after it has begun to store.
        await sleep(100 + ((kills * 397) % 900));
        await kill(server);
        server = start();
      }
      isDone = true;
      await sending;
      client.send({ time: at(1e6), monotonic_ns: 1e15, goodbye: true });
      assert.ok(await client.close(30_000));
      assert.equal(client.statistics.lostRows, 0);
      assert.deepEqual(readdirSync(spool), []);
      await kill(server);
      const store = await HistoryStore.open({ folder: history });
      const range = { from: at(-1), to: at(2e6) };
      const { result, losses } = await queryGroups(store, { range, by: [] });
      assert.deepEqual(losses, []);
      assert.equal(result.total.connections, sent);
      assert.equal(result.total.bytes_sent, 500 * sent + (sent * (sent - 1)) / 2);
      const { rows } = await querySql(store, { sql: 'SELECT count(DISTINCT monotonic_ns) FROM ends' });
      assert.deepEqual(rows, [[String(sent)]]);
      await store.close();
    } finally {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
