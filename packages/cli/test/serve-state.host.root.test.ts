/** What `weir serve` remembers of moments in the past, beside what `ss` said then; its server is killed meanwhile. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { monotonicNs, realtimeOffsetNs } from '@weir/ebpf/sys';
import type { HistoryStore } from '@weir/history';
import { type OpenConnection, queryOpenAt } from '@weir/history/query';
import { assertFlowed, sum } from './support/flowed.js';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { runClient, startListener } from './support/talker.js';
import type { CrowdReport } from './support/talker-program.js';

const SAMPLES = 100;
const SECONDS = 25;
const PORT = 7000;
/** Connected, or about to be, in the kernel's eyes: all but what listens, has just been asked, or waits for late segments. */
const STATES = ['syn-sent', 'established', 'fin-wait-1', 'fin-wait-2', 'close-wait', 'last-ack', 'closing'];
/** Weir's connections begin at accept(): what waits for that has no file yet. One that is closed has none any more. */
const isAccepted = (line: string) => !/^ESTAB .* ino:0 /.test(line);

/** What `ss` printed between two moments, nanoseconds since 1970. */
interface Sample {
  readonly beforeNs: bigint;
  readonly afterNs: bigint;
  readonly open: ReadonlySet<string>;
}

const nowNs = () => realtimeOffsetNs() + monotonicNs();

async function sample(netns: TestNetns): Promise<Sample> {
  const states = STATES.flatMap((state) => ['state', state]);
  const beforeNs = nowNs();
  const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', netns.name, 'ss', '-tneH', ...states]);
  const afterNs = nowNs();
  const lines = stdout.trim().split('\n').filter(Boolean).filter(isAccepted);
  const open = new Set(lines.map((line) => line.trim().split(/\s+/).slice(3, 5).join(' ')));
  return { beforeNs, afterNs, open };
}

/** One side of a connection, with its time: nanoseconds since 1970. */
interface Side {
  readonly key: string;
  readonly begunNs: bigint;
  readonly endedNs: bigint;
}

async function sidesOf(history: HistoryStore): Promise<Side[]> {
  const rows = await history.read((session) =>
    session.query(
      `SELECT concat(local_address, ':', local_port, ' ', peer_address, ':', peer_port),
              epoch_ns(time) - duration_us::BIGINT * 1000, epoch_ns(time)
       FROM ${session.source('ends')}`,
    ),
  );
  return rows.map(([key, begunNs, endedNs]) => ({
    key: key as string,
    ...{ begunNs: begunNs as bigint, endedNs: endedNs as bigint },
  }));
}

const isBetween = (timeNs: bigint, { beforeNs, afterNs }: Sample) =>
  // duration_us is in whole microseconds.
  beforeNs - 2000n <= timeNs && timeNs <= afterNs + 2000n;

describe('weir serve, whose server is killed now and then', () => {
  const netns = new TestNetns();
  const serve = new KilledServe(netns);
  const samples: Sample[] = [];
  let crowd: CrowdReport;
  let history: HistoryStore;

  before(async () => {
    await serve.ready();
    using _listener = await startListener(netns, '127.0.0.1', PORT);
    const running = runClient(netns, 'crowd', '127.0.0.1', `${PORT}`, `${SECONDS}`);
    const started = performance.now();
    for (let index = 0; index < SAMPLES; index++) {
      await sleep(started + ((index + Math.random()) * SECONDS * 1000) / SAMPLES - performance.now());
      samples.push(await sample(netns));
      if (index % 30 === 29) serve.killServer();
    }
    crowd = JSON.parse(await running) as CrowdReport;
    await sleep(500);
    await serve.stored();
    history = await serve.history();
  });
  after(async () => {
    await history?.close();
    serve[Symbol.dispose]();
    netns[Symbol.dispose]();
  });

  it(`knows what ss said was open at ${SAMPLES} random moments`, async () => {
    const sides = await sidesOf(history);
    assert.equal(sides.length, 2 * (crowd.others + 1));
    let compared = 0;
    for (const one of samples) {
      const { result, losses } = await queryOpenAt(history, { at: one.beforeNs });
      assert.deepEqual(losses, []);
      const byKey = new Map<string, OpenConnection[]>();
      for (const row of result.rows) {
        const key = `${row.local_address}:${row.local_port} ${row.peer_address}:${row.peer_port}`;
        byKey.set(key, [...(byKey.get(key) ?? []), row]);
      }
      assert.deepEqual(
        [...byKey.values()].filter((rows) => rows.length > 1),
        [],
        `more than one row of a connection at ${one.beforeNs}`,
      );
      const known = new Set(byKey.keys());
      assert.equal(known.size, result.count);
      const changing = new Set(
        sides
          .filter(({ begunNs, endedNs }) => isBetween(begunNs, one) || isBetween(endedNs, one))
          .map(({ key }) => key),
      );
      const differing = [...known, ...one.open].filter((key) => known.has(key) !== one.open.has(key));
      const wrong = differing.filter((key) => !changing.has(key));
      assert.deepEqual(wrong, [], `between ${one.beforeNs} and ${one.afterNs}`);
      compared += [...known].filter((key) => one.open.has(key)).length;
    }
    assert.ok(compared > 20 * SAMPLES, `${compared} were compared`);
  });

  it('has the bytes of a connection that lives for all the time in the spans in which they flowed', async () => {
    const { port, messages } = crowd;
    const where = `WHERE local_port = ${port} AND peer_port = ${PORT}`;
    const [intervals, ends] = await history.read(async (session) => [
      await session.query(
        `SELECT monotonic_ns, bytes_sent, bytes_received, span_us FROM ${session.source('intervals')} ${where} ORDER BY time`,
      ),
      await session.query(
        `SELECT bytes_sent, bytes_received, interval_rows FROM ${session.source('ends')} ${where}`,
      ),
    ]);
    const spans = intervals!.map(([untilNs, sent, received, spanUs]) => {
      // A sweep may be late on a busy machine.
      assert.ok(Number(spanUs) < 10_000_000, `a span of ${spanUs} us`);
      return { untilNs: Number(untilNs), sent: Number(sent ?? 0), received: Number(received ?? 0) };
    });
    const { sent, received } = assertFlowed(spans, messages);
    assert.ok(intervals!.length >= SECONDS / 4, `${intervals!.length} rows`);
    assert.deepEqual(
      ends!.map((row) => row.map(Number)),
      [[sum(messages), messages.length, intervals!.length]],
    );
    assert.deepEqual([sent, received], [sum(messages), messages.length]);
  });
});
