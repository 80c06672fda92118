import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BalancerHistory, type MsSpan } from '../src/balancer/balancer-history.js';
import { BalancerLog } from '../src/balancer/balancer-log.js';
import { balancerSeries, gapsBetween } from '../src/balancer/balancer-series.js';
import type { SeenBalancer } from '../src/wire/balancer-messages.js';
import { seenBalancer, seenReal } from './support/balancers.js';

const START = Date.parse('2026-01-01T12:00:00Z');
const at = (seconds: number) => START + seconds * 1000;
const all: MsSpan = { from: at(-60), to: at(100_000) };
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-balancers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(bytes = 1e9, onProblem: (message: string) => void = assert.fail): BalancerHistory {
  return new BalancerHistory(new BalancerLog(folder, { ageMs: 1e12, bytes }), onProblem);
}

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const changesOf = async (history: BalancerHistory, range = all) =>
  (await listed(history.changes(range))).map(({ at: time, kind, real, after }) => [
    (time - START) / 1000,
    kind,
    ...(real === undefined ? [] : [real]),
    ...(after === undefined ? [] : [after]),
  ]);

const seriesOf = async (history: BalancerHistory, range = all, by: 'vip' | 'real' = 'vip') =>
  balancerSeries(history.moved(range), { range, stepMs: 60_000, by, limit: 10 });

/** Looks, each five seconds, with ten packets more each. */
function look(history: BalancerHistory, from: number, to: number, reals?: SeenBalancer['vips'][0]['reals']) {
  for (let second = from; second < to; second += 5)
    history.see({ at: at(second), balancers: [seenBalancer(2 * second, reals)] });
}

describe('the history of balancers', () => {
  it('knows nothing at first', async () => {
    const history = open();
    history.see({ at: START, balancers: [] });
    assert.deepEqual([history.isKnown, history.begins, history.now], [false, undefined, []]);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('has how they are now, with rates between the last two looks', () => {
    const history = open();
    history.see({ at: at(0), balancers: [seenBalancer(10)] });
    assert.deepEqual(history.now[0]!.vipRates, []);
    history.see({ at: at(5), balancers: [seenBalancer(60)] });
    assert.deepEqual(history.now[0]!.vipRates, [{ packets: 10, bytes: 1000 }]);
  });

  it('counts each packet in its minute, also the one that is not over, and those across a change', async () => {
    const history = open();
    look(history, 0, 100);
    look(history, 100, 150, [seenReal('a'), seenReal('b', { condition: 'down', ringWeight: 0 })]);
    const { series, known } = await seriesOf(history);
    assert.deepEqual(
      series[0]!.points.map(({ at: time, ms, packets }) => [(time - START) / 1000, ms, packets]),
      [
        [0, 60_000, 120],
        [60, 60_000, 120],
        [120, 25_000, 50],
      ],
    );
    assert.deepEqual(known, [{ from: at(0), to: at(145) }]);
    assert.deepEqual(await changesOf(history), [
      [0, 'started'],
      [100, 'health', 'b', 'down'],
    ]);
  });

  it('goes on after the server was started again, without a change, and with a hole where nobody looked', async () => {
    {
      using history = open();
      look(history, 0, 90);
    }
    const history = open();
    assert.equal(history.isKnown, true);
    assert.deepEqual(history.now, [], 'nothing was looked at yet');
    look(history, 300, 400);
    assert.deepEqual(await changesOf(history), [[0, 'started']]);
    const { series, known } = await seriesOf(history);
    const sum = series[0]!.points.reduce((total, { packets }) => total + packets, 0);
    assert.equal(sum, 2 * 85 + 2 * 95);
    assert.deepEqual(gapsBetween(known, { from: at(0), to: at(396) }), [{ from: at(85), to: at(300) }]);
  });

  it('says what changed while the server was away', async () => {
    {
      using history = open();
      look(history, 0, 20);
    }
    const history = open();
    look(history, 60, 70, [seenReal('a', { drained: true, ringWeight: 0 }), seenReal('c')]);
    assert.deepEqual(await changesOf(history), [
      [0, 'started'],
      [60, 'drained', 'a'],
      [60, 'real_added', 'c', 1],
      [60, 'real_removed', 'b'],
    ]);
  });

  it('has the state of any moment', async () => {
    const history = open();
    look(history, 0, 20);
    look(history, 20, 40, [seenReal('a', { weight: 5, ringWeight: 5, share: 1 })]);
    history.see({ at: at(40), balancers: [] });
    const weights = async (second: number) =>
      (await history.at(at(second))).map(({ vips }) => vips[0]!.reals.map(({ weight }) => weight));
    assert.deepEqual(await weights(-1), []);
    assert.deepEqual(await weights(19), [[1, 1]]);
    assert.deepEqual(await weights(20), [[5]]);
    assert.deepEqual(await weights(41), []);
    assert.deepEqual((await changesOf(history)).at(-1), [40, 'removed']);
  });

  it('has a hole while no process answers, and no VIP that went', async () => {
    const history = open();
    look(history, 0, 60);
    const silent = { name: 'edge', running: false, interfaces: [], vips: [], omitted: 0 };
    for (let second = 60; second < 120; second += 5) history.see({ at: at(second), balancers: [silent] });
    look(history, 120, 200);
    assert.deepEqual(await changesOf(history), [
      [0, 'started'],
      [60, 'silent'],
      [120, 'answers'],
    ]);
    const { known } = await seriesOf(history);
    assert.deepEqual(known, [
      { from: at(0), to: at(55) },
      { from: at(120), to: at(195) },
    ]);
  });

  it('says that a balancer which was found before it answered begins, and goes on after a hole', async () => {
    const history = open();
    const silent = { name: 'edge', running: false, interfaces: [], vips: [], omitted: 0 };
    history.see({ at: at(0), balancers: [silent] });
    look(history, 5, 20);
    history.see({ at: at(20), balancers: [silent] });
    look(history, 25, 30);
    assert.deepEqual(await changesOf(history), [
      [0, 'silent'],
      [5, 'started'],
      [20, 'silent'],
      [25, 'answers'],
    ]);
  });

  it('takes counters that began anew as what was counted since', async () => {
    const history = open();
    history.see({ at: at(0), balancers: [seenBalancer(1000)] });
    history.see({ at: at(5), balancers: [seenBalancer(7)] });
    assert.equal((await seriesOf(history)).series[0]!.points[0]!.packets, 7);
  });

  it('has the traffic of each real by its name', async () => {
    const history = open();
    const reals = (a: number, b: number) => [seenReal('b', { packets: b }), seenReal('a', { packets: a })];
    history.see({ at: at(0), balancers: [seenBalancer(0, reals(0, 0))] });
    history.see({ at: at(5), balancers: [seenBalancer(9, reals(2, 7))] });
    // In another order, and with one more.
    history.see({ at: at(10), balancers: [seenBalancer(12, [...reals(4, 8).reverse(), seenReal('c')])] });
    const { series } = await seriesOf(history, all, 'real');
    const sums = series.map(({ real, points }) => [
      real,
      points.reduce((sum, { packets }) => sum + packets, 0),
    ]);
    assert.deepEqual(Object.fromEntries(sums), { a: 4, b: 8, c: 0 });
  });

  it('keeps a budget: the oldest files go, and what is left can be read alone', async () => {
    const history = open(5_000_000);
    const flap = (second: number) => seenReal('b', { condition: second % 2 === 0 ? 'up' : 'down' });
    const many = Array.from({ length: 400 }, (_, i) => seenReal(`r${i}`));
    for (let second = 0; second < 200; second++)
      history.see({ at: at(second), balancers: [seenBalancer(second, [flap(second), ...many])] });
    const files = readdirSync(folder);
    const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    assert.ok(bytes < 8_000_000, `${bytes} bytes`);
    const changes = await changesOf(history);
    assert.ok(changes.length > 20 && changes.length < 199, `${changes.length} changes`);
    assert.ok(
      changes.every(([, kind]) => kind === 'health'),
      'what is carried is no change',
    );
    assert.equal((await history.at(at(199)))[0]!.vips[0]!.reals.length, 401);
  });

  it('goes on behind a line that a crash tore', async () => {
    look(open(), 0, 20);
    const [file] = readdirSync(folder);
    appendFileSync(join(folder, file!), `[${at(25)},"state","edge",{"name":"ed`);
    const history = open();
    look(history, 30, 40, [seenReal('a')]);
    assert.deepEqual(await changesOf(history), [
      [0, 'started'],
      [30, 'real_removed', 'b'],
    ]);
  });

  it('says that it cannot write, knows what is now, and goes on when it can', async () => {
    const said: string[] = [];
    const history = open(1e9, (message) => said.push(message));
    look(history, 0, 10);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    // Lines about a state that the log does not have would be counted for other reals.
    look(history, 10, 70, [seenReal('c', { packets: 5 }), seenReal('a')]);
    assert.match(said[0]!, /^what balancers did is not kept: (ENOTDIR|EEXIST)/);
    assert.equal(history.now[0]!.state.vips[0]!.reals.length, 2);
    rmSync(folder);
    look(history, 70, 190, [seenReal('c', { packets: 5 }), seenReal('a')]);
    const names = (await history.at(at(185))).map(({ vips }) => vips[0]!.reals.map(({ name }) => name));
    assert.deepEqual(names, [['c', 'a']]);
    assert.deepEqual(await changesOf(history), []);
    assert.ok((await seriesOf(history)).series[0]!.points[0]!.packets > 0);
  });

  it('begins where its folder can neither be read nor made', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const log = new BalancerLog(join(file, 'balancers'), { ageMs: 1, bytes: 1 });
    assert.equal(new BalancerHistory(log, assert.fail).isKnown, false);
  });
});
