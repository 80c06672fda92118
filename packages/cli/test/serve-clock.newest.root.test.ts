/** `weir serve` on a host whose clock is wrong: rows stay, each once, with the time that the clock showed. Only a guest's clock is ours to set. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EndRow, HistoryStore } from '@weir/history';
import { queryConnections } from '@weir/history/query';
import { TestNetns } from './support/load.js';
import { Serve } from './support/serve.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;
const PAIRS = 5;
const KEEP = { ageNs: 30n * 24n * 3_600_000_000_000n };

/** To the second: busybox knows no fractions. */
function setClock(ms: number): void {
  execFileSync('date', ['-s', `@${Math.round(ms / 1000)}`], { stdio: 'ignore' });
}

/** What a server has left that ran before, with a clock that was right: a start in a guest takes half a minute of its CPU. */
async function makeEarlier(paths: ReturnType<typeof Serve.nextPaths>, at: number): Promise<void> {
  for (const part of [paths.folder, paths.server]) mkdirSync(part, { mode: 0o755 });
  const time = BigInt(at) * 1_000_000n;
  const ends = Array.from(
    { length: 2 * PAIRS },
    (_, index): EndRow => ({
      ...{
        host_id: 7n,
        time: time + BigInt(index),
        monotonic_ns: index,
        flow_ns: BigInt(index),
        flow_cpu: 0,
      },
      ...{ transport: 'tcp', family: 'ipv4', local_address: '10.0.0.1', local_port: 1 },
      ...{ peer_address: '10.0.0.2', peer_port: 2, event: 'close', interval_rows: 0 },
    }),
  );
  const store = await HistoryStore.open({ folder: paths.history, retention: KEEP });
  await store.append({
    ...{ host_id: 7n, epoch: 'e'.repeat(32), number: 1, started: time, time: time + 1_000_000n },
    ...{ monotonic_ns: 1, goodbye: true, ends },
  });
  await store.maintain();
  await store.close();
  // The server's user, unless there is one named weir.
  execFileSync('chown', ['-R', 'nobody', paths.server]);
}

async function endsIn(history: HistoryStore): Promise<{ rows: readonly EndRow[]; lost: number }> {
  const { result, losses } = await queryConnections(history, {
    range: { from: 0n, to: 2n ** 62n },
    order: 'oldest',
    limit: 100_000,
  });
  return { rows: result.rows, lost: losses.length };
}

if (process.env.WEIR_LAB_KERNEL !== undefined) {
  it('a history outlives a boot a year ahead, and a clock that is set back by more and less', async () => {
    using netns = new TestNetns();
    const phases: { readonly from: number; readonly to: number }[] = [];
    const phase = async () => {
      // A collector that has no CPU learns late that the clock was set, and then not when.
      await sleep(2_000);
      const from = Date.now();
      await netns.load('pairs', '--count', `${PAIRS}`);
      phases.push({ from, to: Date.now() });
    };
    const started = Date.now();
    await makeEarlier(Serve.nextPaths(), started);
    phases.push({ from: started, to: started });

    // The host boots with a wrong clock.
    setClock(started + YEAR_MS);
    using serve = new Serve(netns, '--keep', '30d');
    await serve.ready();
    await phase();

    // The network shows it the right one, and somebody sets it back by mistake.
    setClock(started + HOUR_MS);
    await phase();
    setClock(started - HOUR_MS);
    await phase();
    // What looks after the history next believes that a year has passed.
    setClock(started + YEAR_MS + HOUR_MS);
    await phase();
    await serve.end();
    // As a server does when it starts, and each minute.
    const history = await HistoryStore.open({ folder: serve.paths.history, retention: KEEP });
    const { copied, removed } = await history.maintain();
    const { rows, lost } = await endsIn(history);
    await history.close();

    assert.ok(copied.length > 0, 'hours are copied');
    assert.deepEqual(removed, []);
    assert.equal(lost, 0);
    assert.equal(rows.length, 2 * PAIRS * phases.length);
    assert.equal(new Set(rows.map(({ flow_ns, flow_cpu }) => `${flow_ns}.${flow_cpu}`)).size, rows.length);
    const byMonotonic = rows.toSorted((a, b) => a.monotonic_ns - b.monotonic_ns);
    for (const [index, { from, to }] of phases.entries()) {
      const own = byMonotonic.slice(index * 2 * PAIRS, (index + 1) * 2 * PAIRS);
      for (const { time } of own) {
        const ms = Number(time / 1_000_000n);
        assert.ok(ms >= from - 50 && ms <= to + 50, `phase ${index}: ${ms} is not in ${from} to ${to}`);
      }
      const times = own.map(({ time }) => time);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => (a < b ? -1 : 1)),
        `phase ${index} in order`,
      );
    }
  });
} else {
  it('nobody sets the clock of this machine, and a history in it has the times that it shows', async () => {
    using netns = new TestNetns();
    const from = Date.now();
    using serve = new Serve(netns);
    await serve.ready();
    await netns.load('pairs', '--count', `${PAIRS}`);
    const history = await serve.history();
    const { rows } = await endsIn(history);
    await history.close();
    assert.equal(rows.length, 2 * PAIRS);
    for (const { time } of rows) assert.ok(time / 1_000_000n >= BigInt(from - 50));
  });
}
