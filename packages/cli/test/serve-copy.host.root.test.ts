/** `weir serve` whose server is killed while it copies hours to segments and removes those that are too old. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { makePastHours, ROWS } from './support/past-hours.js';
import { until } from './support/serve.js';

/** `--keep`, in hours. */
const AGE = 4;
/** The hours that are no older. */
const KEPT_HOURS = 3;

const isSegment = (name: string) => /^ends-.*\.parquet$/.test(name);

/** What is seen of a file in the folder of segments: its name, and whether it is there. */
const moments: readonly (readonly [title: string, isNow: (name: string, isThere: boolean) => boolean])[] = [
  ['writes a segment', (name) => !isSegment(name)],
  ['has renamed a segment', (name, isThere) => isSegment(name) && isThere],
  ['removes a segment', (name, isThere) => isSegment(name) && !isThere],
];

describe('weir serve, whose server is killed', { concurrency: true }, () => {
  const netns = new TestNetns();
  const past = mkdtempSync(join(tmpdir(), 'weir-past-'));
  before(() => makePastHours(past, false));
  after(() => {
    netns[Symbol.dispose]();
    rmSync(past, { recursive: true, force: true });
  });

  for (const [title, isNow] of moments)
    it(`when it ${title} has every row once, and what is too old no more`, async () => {
      using serve = new KilledServe(netns, { past, more: ['--keep', `${AGE}h`] });
      await serve.ready();
      const segments = join(serve.paths.history, 'segments');
      let isKilled = false;
      const watcher = watch(segments, (_, name) => {
        if (isKilled || name === null || !isNow(name, existsSync(join(segments, name)))) return;
        isKilled = serve.killServer();
      });
      await until(`it ${title}`, () => isKilled);
      watcher.close();
      const isDone = () => readdirSync(segments).filter(isSegment).length === KEPT_HOURS;
      await until('the hours are segments', isDone);
      await using history = await serve.history();
      const rows = await history.read((session) =>
        session.query(
          `SELECT (flow_ns // ${ROWS})::INTEGER, count(*)::INTEGER, count(DISTINCT flow_ns)::INTEGER, sum(bytes_sent)::INTEGER
           FROM ${session.source('ends')} WHERE comm = 'past' GROUP BY ALL ORDER BY ALL`,
        ),
      );
      const expected = Array.from({ length: KEPT_HOURS }, (_, hour) => {
        const sum = ROWS * ROWS * hour + (ROWS * (ROWS - 1)) / 2;
        return [hour, ROWS, ROWS, sum];
      });
      assert.deepEqual(rows, expected);
      const recorded = await history.read((session) => session.query('SELECT name FROM recent.segments'));
      assert.deepEqual(readdirSync(segments).sort(), recorded.map(([name]) => name as string).sort());
    });
});
