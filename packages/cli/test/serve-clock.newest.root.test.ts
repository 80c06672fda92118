/** `weir serve` on a host whose clock is wrong: rows stay, each once, with the time that the clock showed. Only a guest's clock is ours to set. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EndRow, HistoryStore } from '@weir/history';
import { queryConnections } from '@weir/history/query';
import { TestNetns } from './support/load.js';
import { Serve } from './support/serve.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;
const PAIRS = 5;
/** A server copies hours, and looks for what has to go, after five seconds and then each minute. */
const MAINTENANCE_MS = 90_000;

/** To the second: busybox knows no fractions. */
function setClock(ms: number): void {
  execFileSync('date', ['-s', `@${Math.round(ms / 1000)}`], { stdio: 'ignore' });
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
      const from = Date.now();
      await netns.load('pairs', '--count', `${PAIRS}`);
      await sleep(2_000);
      phases.push({ from, to: Date.now() });
    };
    const started = Date.now();
    using serve = new Serve(netns, '--keep', '30d');
    await serve.ready();
    await phase();
    await serve.end();

    // The host boots with a wrong clock.
    setClock(started + YEAR_MS);
    serve.startAgain();
    await serve.ready();
    await phase();
    const segments = () => readdirSync(join(serve.paths.history, 'segments')).length;
    for (const deadline = performance.now() + MAINTENANCE_MS; segments() === 0; await sleep(100))
      assert.ok(performance.now() < deadline, 'hours are copied');

    // The network shows it the right one, and somebody sets it back by mistake.
    setClock(started + HOUR_MS);
    await phase();
    setClock(started - HOUR_MS);
    await phase();
    const history = await serve.history();
    const { rows, lost } = await endsIn(history);
    await history.close();

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
