/** One connection in several histories: both ends, wherever each of them was recorded. */
import { begunOf, type ConnectionEnd, joinEnds } from '@weir/history/joined';
import type { Answer, ConnectionHistory, ConnectionKey, ConnectionQuery } from '@weir/history/query';
import type { EndRow } from '@weir/history/schema';
import type { Range } from '../api/history.js';
import type { HistoryPart, PartAnswers } from './history-part.js';
import { type MergedQuestion, mergedCoverage } from './merged-question.js';

/** A week of minutes, as one history gives at most. */
const MOST_INTERVALS = 10_000;
/** The other end is looked for among so many that were between the same addresses then. */
const MOST_MIRRORED = 100;
/** Clocks of hosts differ. */
const SLACK_NS = 5_000_000_000n;
/** Where it is not known when a connection began. */
const DAY_NS = 86_400_000_000_000n;

/** A connection by its number, or by that of one end: then the other one is looked for. */
export async function mergedConnection(
  question: MergedQuestion,
  { range, key }: ConnectionQuery,
): Promise<Answer<ConnectionHistory>> {
  const found = await ask(question, range, key);
  const ends = endsOf(found);
  const id = 'flow' in key ? ends.find((end) => end.connection_id !== undefined)?.connection_id : undefined;
  const all = id === undefined ? found : await ask(question, range, { connectionId: id });
  const joined = joinEnds(endsOf(all));
  const isWhole = joined.some(({ by }) => by !== undefined);
  const others = isWhole ? [] : await mirrored(question, range, endsOf(all));
  return merged(range, question, [...all, ...others]);
}

type Found = PartAnswers['connection'];

async function ask(question: MergedQuestion, range: Range, key: ConnectionKey): Promise<Found[]> {
  const answered = await question.each((part, signal) => part.ask('connection', { range, key }, signal));
  return answered.map(({ answer }) => answer);
}

function endsOf(found: readonly Found[]): ConnectionEnd[] {
  return found.flatMap(({ result: { ends, opens } }) => [...ends, ...opens]);
}

/** The ends that mirrored addresses and time show to be the other ones of these. */
async function mirrored(
  question: MergedQuestion,
  range: Range,
  ends: readonly ConnectionEnd[],
): Promise<Found[]> {
  const [end] = ends;
  if (end === undefined || ends.length > 1) return [];
  const about = {
    from: max(range.from, (begunOf(end) ?? end.time - DAY_NS) - SLACK_NS),
    to: min(range.to, end.time + SLACK_NS),
  };
  if (about.from >= about.to) return [];
  const filter = [
    `transport=${end.transport}`,
    `local_address=${end.peer_address} local_port=${end.peer_port}`,
    `peer_address=${end.local_address} peer_port=${end.local_port}`,
  ].join(' ');
  const answered = await question.each((part, signal) =>
    part.ask('connections', { range: about, filter, order: 'newest', limit: MOST_MIRRORED }, signal),
  );
  const rows = answered.flatMap(({ part, answer }) => answer.result.rows.map((row) => ({ part, row })));
  const [joined] = joinEnds([end, ...rows.map(({ row }) => row)]).filter(
    ({ client, server, by }) => by !== undefined && (client === end || server === end),
  );
  const other = joined?.client === end ? joined.server : joined?.client;
  const place = rows.find(({ row }) => row === other);
  return place === undefined ? [] : [await historyOf(question, range, place)];
}

/** All that is known of an end, from the history that has it. */
async function historyOf(
  question: MergedQuestion,
  range: Range,
  { part, row }: { readonly part: HistoryPart; readonly row: EndRow },
): Promise<Found> {
  const { flow_ns: ns, flow_cpu: cpu } = row;
  const alone = { range, losses: [], unrecorded: [], result: { ends: [row], opens: [], intervals: [] } };
  if (ns === undefined || cpu === undefined) return alone;
  const answered = await question.each(async (each, signal) =>
    each === part ? part.ask('connection', { range, key: { flow: { ns, cpu } } }, signal) : undefined,
  );
  return answered.find((each) => each.part === part)?.answer ?? alone;
}

function merged(range: Range, question: MergedQuestion, found: readonly Found[]): Answer<ConnectionHistory> {
  const newest = (a: ConnectionEnd, b: ConnectionEnd) => (a.time > b.time ? -1 : a.time < b.time ? 1 : 0);
  const oldest = (a: { readonly time: bigint }, b: { readonly time: bigint }) =>
    a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
  return {
    range,
    ...mergedCoverage(found),
    incomplete: question.incomplete,
    result: {
      ends: found.flatMap(({ result }) => result.ends).toSorted(newest),
      opens: found.flatMap(({ result }) => result.opens).toSorted(newest),
      intervals: found
        .flatMap(({ result }) => result.intervals)
        .toSorted(oldest)
        .slice(-MOST_INTERVALS),
    },
  };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
