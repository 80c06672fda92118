/** What answers out of ClickHouse say of hosts that have shipped nothing for hours; files of all hosts. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { withoutClickhouse } from './support/clickhouse-server.js';
import { plainEnd } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { HOUR, HOUR_NS, temporaryFolder } from './support/store.js';
import { shipped, startReading } from './support/two-databases.js';

/** Hours in which each boot has rows. */
const seen = [
  { host_id: 1n, name: 'steady', hours: [0, 1, 2, 3, 4] },
  { host_id: 2n, name: 'paused', hours: [0, 3, 4] },
  { host_id: 3n, name: 'gone', hours: [0, 1] },
  { host_id: 4n, name: 'booted', hours: [0, 1] },
  { host_id: 5n, name: 'booted', hours: [2, 3, 4] },
  { host_id: 6n, name: 'new', hours: [3, 4] },
] as const;
const hosts = seen.map(({ host_id, name }) => ({
  host_id,
  name,
  time: HOUR + host_id,
  boot_id: `${host_id}`,
}));
const random = new Random(3);
const ends = seen.flatMap(({ host_id, hours }) =>
  hours.map((hour) =>
    plainEnd(random, {
      ...{ host_id, time: HOUR + BigInt(hour) * HOUR_NS + host_id, event: 'close', interval_rows: 0 },
      ...{ direction: 'outbound', comm: `c${host_id}`, bytes_sent: hour, bytes_received: 0 },
    }),
  ),
);
const why = 'it was down, has not shipped them, or had no connections';

describe('many hosts in ClickHouse', { skip: withoutClickhouse() }, () => {
  it('are named where full hours of them lack, and are files in Parquet', async (context) => {
    const { server, history } = await startReading(context);
    await shipped(context, server, [{ ends, hosts, time: HOUR + 6n * HOUR_NS }]);
    const silentIn = async (from: number, to: number, part = 0n) => {
      const range = { from: HOUR + BigInt(from) * HOUR_NS + part, to: HOUR + BigInt(to) * HOUR_NS - part };
      return (await history.losses(range, {})).incomplete;
    };
    const paused = {
      host: 'paused',
      answered: true,
      reason: `no rows from 2025-11-24 16:00 to 18:00 UTC: ${why}`,
    };
    const gone = {
      host: 'gone',
      answered: true,
      reason: `no rows from 2025-11-24 17:00 to 20:00 UTC: ${why}`,
    };
    assert.deepEqual(await silentIn(0, 5), [gone, paused]);
    assert.deepEqual(await silentIn(0, 24), [gone, paused], 'nobody has anything behind the last hour');
    assert.deepEqual(await silentIn(0, 1, 5n), []);
    assert.deepEqual(await silentIn(2, 3, 5n), [
      { host: 'gone', answered: false, reason: `no rows from 2025-11-24 17:00 to 18:00 UTC: ${why}` },
      { host: 'paused', answered: false, reason: `no rows from 2025-11-24 17:00 to 18:00 UTC: ${why}` },
    ]);
    const range = { from: HOUR, to: HOUR + 5n * HOUR_NS };
    const compared = await history.compare({ range, against: range, by: ['process'] });
    assert.equal(compared.incomplete?.length, 2);

    const folder = await temporaryFolder(context);
    const file = join(folder, 'all.parquet');
    const { result } = await history.parquet({ range, file });
    assert.equal(result, ends.length);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const instance = await DuckDBInstance.create(':memory:');
    context.after(() => instance.closeSync());
    const duckdb = await instance.connect();
    const read = await duckdb.runAndReadAll(
      `SELECT host, count(*), sum(bytes_sent)::INT FROM read_parquet('${file}') GROUP BY host ORDER BY host`,
    );
    assert.deepEqual(read.getRows(), [
      ['booted', 5n, 10],
      ['gone', 2n, 1],
      ['new', 2n, 7],
      ['paused', 3n, 7],
      ['steady', 5n, 10],
    ]);
    await writeFile(join(folder, 'there'), 'x');
    await assert.rejects(
      history.parquet({ range, file: join(folder, 'there') }),
      /exists, and is not overwritten/,
    );
    assert.equal(await readFile(join(folder, 'there'), 'utf8'), 'x');
    const some = await history.parquet({ range, file: join(folder, 'some.parquet'), limit: 3 });
    assert.equal(some.result, 3);
    const { questions, failures, seconds } = history.figures;
    assert.ok(questions >= 8 && failures === 0 && seconds > 0, JSON.stringify(history.figures));
  });
});
