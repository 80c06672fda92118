/** Connections that live on while one collector after the other is killed are remembered as if there had been one. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryStore } from '@weir/history';
import { assertFlowed, type FlowedSpan, sum } from './support/flowed.js';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { runClient, startListener } from './support/talker.js';
import type { TalkReport } from './support/talker-program.js';

const PORT = 7100;
const COUNT = 20;
const OLDER = 5;
const KILLS = 6;
const SECONDS = 30;

type Row = Readonly<Record<string, unknown>>;

/** Rows about one side of a connection, in their order. */
async function rowsOf(history: HistoryStore, table: 'ends' | 'intervals', where: string): Promise<Row[]> {
  const names = [
    ...['monotonic_ns', 'flow_ns', 'flow_cpu', 'pid', 'comm', 'direction', 'bytes_sent', 'bytes_received'],
    ...(table === 'ends' ? ['interval_rows', 'handshake_us', 'accounted'] : ['span_us']),
  ];
  const rows = await history.read((session) =>
    session.query(`SELECT ${names} FROM ${session.source(table)} WHERE ${where} ORDER BY time, monotonic_ns`),
  );
  return rows.map((values) => Object.fromEntries(names.map((name, index) => [name, values[index]])));
}

interface Side {
  readonly end: Row;
  readonly intervals: readonly Row[];
}

async function sideOf(history: HistoryStore, where: string): Promise<Side> {
  const ends = await rowsOf(history, 'ends', where);
  assert.equal(ends.length, 1, `rows of ends where ${where}`);
  const intervals = await rowsOf(history, 'intervals', where);
  const shown = () => `rows of intervals where ${where}: ${JSON.stringify([...ends, ...intervals], text)}`;
  assert.equal(ends[0]!.interval_rows, intervals.length, shown());
  return { end: ends[0]!, intervals };
}

const numberOf = (row: Row, name: string) => Number(row[name] ?? 0);

/** Client and server of a connection: each has the same messages, from its side. */
function spansOf({ intervals }: Side, isClient: boolean): FlowedSpan[] {
  const [sent, received] = isClient
    ? (['bytes_sent', 'bytes_received'] as const)
    : (['bytes_received', 'bytes_sent'] as const);
  return intervals.map((row) => ({
    untilNs: numberOf(row, 'monotonic_ns'),
    sent: numberOf(row, sent),
    received: numberOf(row, received),
  }));
}

function sumsOf(spans: readonly FlowedSpan[]) {
  const total = (name: 'sent' | 'received') => spans.reduce((sum, span) => sum + span[name], 0);
  return { sent: total('sent'), received: total('received') };
}

it(`connections keep their bytes by the second, handshake and process through ${KILLS} kills of collectors`, async (context) => {
  using netns = new TestNetns();
  using _listener = await startListener(netns, '127.0.0.1', PORT);
  const talk = async (count: number, seconds: number) =>
    JSON.parse(
      await runClient(netns, 'steady', '127.0.0.1', `${PORT}`, `${seconds}`, `${count}`),
    ) as TalkReport[];
  const olderTalk = talk(OLDER, SECONDS + 5);
  await sleep(2_000);
  using serve = new KilledServe(netns);
  await serve.ready();
  // A sweep has found the older ones.
  await sleep(2_000);
  const lookedNs = Number(process.hrtime.bigint());
  const newTalk = talk(COUNT, SECONDS);
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(500 + Math.random() * 2_500);
    await serve.killCollector();
    for (const path of serve.paths.open)
      if (existsSync(path)) assert.equal(statSync(path).mode & 0o777, 0o600, path);
    if (kill === 2) await sleep(2_500);
    serve.startAgain();
    await serve.ready();
  }
  const [reports, older] = [await newTalk, await olderTalk];
  await sleep(500);
  await serve.stored();
  await using history = await serve.history();
  assert.deepEqual(serve.paths.open.map(existsSync), [false, false], 'nothing is left at an end in order');
  const losses = await history.read((session) =>
    session.query(`SELECT place, count, detail FROM ${session.source('losses')}`),
  );
  assert.deepEqual(losses, [], serve.said);
  let rows = 0;
  for (const { port, messages } of reports) {
    for (const isClient of [true, false]) {
      const [local, peer] = isClient ? [port, PORT] : [PORT, port];
      const side = await sideOf(history, `local_port = ${local} AND peer_port = ${peer}`);
      const { end, intervals } = side;
      const spans = spansOf(side, isClient);
      // The server's answers count when they are acknowledged, which may be after the client has them.
      const { sent, received } = isClient ? assertFlowed(spans, messages) : sumsOf(spans);
      assert.deepEqual(
        [sent, received],
        [sum(messages), messages.length],
        'all bytes are in rows of intervals',
      );
      const [sentName, receivedName] = isClient
        ? ['bytes_sent', 'bytes_received']
        : ['bytes_received', 'bytes_sent'];
      assert.deepEqual([numberOf(end, sentName!), numberOf(end, receivedName!)], [sent, received]);
      assert.ok(
        isClient ? numberOf(end, 'handshake_us') > 0 : end.accounted !== null,
        JSON.stringify(end, text),
      );
      for (const name of ['flow_ns', 'flow_cpu', 'pid', 'comm', 'direction']) {
        const values = new Set([end, ...intervals].map((row) => row[name]));
        assert.equal(values.size, 1, `${name} of port ${port}: ${[...values]}`);
        assert.ok(![...values].includes(null), `${name} of port ${port} is not known`);
      }
      rows += intervals.length;
    }
  }
  for (const { port, messages } of older) {
    const side = await sideOf(history, `local_port = ${port} AND peer_port = ${PORT}`);
    const spans = spansOf(side, true);
    const { sent: counted } = sumsOf(spans);
    const before = messages.filter(({ begunNs }) => begunNs < lookedNs);
    assert.ok(counted >= sum(messages) - sum(before), `${counted} of ${sum(messages)} bytes of an older one`);
    assert.ok(counted <= sum(messages));
    assert.equal(numberOf(side.end, 'bytes_sent'), sum(messages));
  }
  context.diagnostic(`${reports.length} connections, ${rows} rows of intervals, ${serve.kills.length} kills`);
});

const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
