/** The histories of several hosts as one: this host's own, and those of others that are asked over HTTP. */
import { OptionError } from '@weir/ebpf/errors';
import { mergePages, readCursors } from '@weir/history/merge';
import {
  type Answer,
  type ConnectionMap,
  type ConnectionsPage,
  type ConnectionsQuery,
  groupFields,
  HostNames,
  type Incomplete,
  type MapNode,
  type MapQuery,
  type OpenAt,
  type OpenAtQuery,
  type QueryLimits,
} from '@weir/history/query';
import type { HostRow } from '@weir/history/schema';
import { type Filter, formatFilter } from '@weir/tracer/filter';
import type { ApiHistory, Range } from '../api/history.js';
import { namedHosts } from '../api/named-hosts.js';
import { type HistoryPart, PeerError } from './history-part.js';
import { mergedConnection } from './merged-connection.js';
import { mergedCompare, mergedGroups, mergedSeries, type WithText } from './merged-figures.js';
import { mergeMap, nodeOf } from './merged-map.js';
import { MergedQuestion, mergedCoverage } from './merged-question.js';
import { Turns } from './turns.js';

/** Rows of a page that one history gives at most. */
const MOST_ROWS = 100_000;
/** Edges that one history gives at most. */
const MOST_EDGES = 10_000;

/**
 * Histories as one. SQL, exports and files in Parquet are those of this host alone.
 *
 * @param own This host's history: without it there is no answer.
 * @param parts All histories, its own the first.
 */
export function mergedHistory(own: ApiHistory, parts: readonly HistoryPart[]): ApiHistory {
  const turns = new Turns();
  const ask = <Query extends QueryLimits & { readonly filter?: Filter }, T>(
    merge: (question: MergedQuestion, query: WithText<Query>) => Promise<T>,
  ) => {
    return ({ filter, ...query }: Query): Promise<T> => {
      const text = filter === undefined ? {} : { filter: formatFilter(filter) };
      const asked = { ...query, ...text } as unknown as WithText<Query>;
      return merge(new MergedQuestion(parts, query.signal, turns), asked);
    };
  };
  const merged = Object.defineProperties(
    {
      ...own,
      ...(own.status !== undefined && { status: () => own.status!() }),
      connections: ask((question, query) => mergedPage(question, query, parts)),
      groups: ask(mergedGroups),
      series: ask(mergedSeries),
      compare: ask(mergedCompare),
      openAt: ask(mergedOpenAt),
      map: ask(mergedMap),
      connection: (query) => mergedConnection(new MergedQuestion(parts, query.signal), query),
      losses: (range, { signal }) => mergedLosses(new MergedQuestion(parts, signal), range),
      hosts: ({ signal }) => mergedHosts(new MergedQuestion(parts, signal)),
    } satisfies Omit<ApiHistory, 'watermark' | 'readOnly'> & Partial<ApiHistory>,
    {
      watermark: { get: () => own.watermark },
      readOnly: { get: () => own.readOnly },
    },
  ) as ApiHistory;
  return namedHosts(merged);
}

async function mergedPage(
  question: MergedQuestion,
  query: WithText<ConnectionsQuery>,
  parts: readonly HistoryPart[],
): Promise<Answer<ConnectionsPage>> {
  const { range, filter, order = 'newest', limit = 1000, skip = 0 } = query;
  if (skip > 0 && (order === 'newest' || order === 'oldest'))
    throw new OptionError('skip: only where connections are sorted by something else than their time');
  const cursors = readCursors(query.cursor, parts.length);
  const answered = await question.each(async (part, signal) => {
    const cursor = cursors[parts.indexOf(part)]!;
    if (cursor === 'out') throw new PeerError('failed', 'it did not answer for an earlier page');
    const asked = {
      ...{ range, order, limit: Math.min(MOST_ROWS, skip + limit) },
      ...(filter !== undefined && { filter }),
      ...(cursor !== 'begin' && { cursor: cursor.at }),
    };
    return part.ask('connections', asked, signal);
  });
  const pages = parts.map((part) => answered.find((each) => each.part === part)?.answer.result);
  return {
    range,
    ...mergedCoverage(answered.map(({ answer }) => answer)),
    result: mergePages(pages, { order, limit, skip, cursors }),
    incomplete: question.incomplete,
  };
}

async function mergedOpenAt(
  question: MergedQuestion,
  { at, filter, limit = 10_000, figures = 'look' }: WithText<OpenAtQuery>,
): Promise<Answer<OpenAt>> {
  const asked = { at, limit, figures, ...(filter !== undefined && { filter }) };
  const answered = await question.each((part, signal) => part.ask('openAt', asked, signal));
  const rows = answered.flatMap(({ answer }) => answer.result.rows);
  const begun = ({ started = 0n }: (typeof rows)[number]) => started;
  return {
    range: { from: at, to: at + 1n },
    ...mergedCoverage(answered.map(({ answer }) => answer)),
    result: {
      rows: rows.toSorted((a, b) => (begun(a) < begun(b) ? -1 : begun(a) > begun(b) ? 1 : 0)).slice(0, limit),
      count: answered.reduce((sum, { answer }) => sum + answer.result.count, 0),
    },
    incomplete: question.incomplete,
  };
}

async function mergedMap(
  question: MergedQuestion,
  query: WithText<MapQuery>,
): Promise<Answer<ConnectionMap>> {
  const { range, filter, by, networks = [], order = 'bytes', limit = 200 } = query;
  if (!Object.hasOwn(groupFields, by)) throw new OptionError(`by: there is no field ${JSON.stringify(by)}`);
  const filtered = { range, ...(filter !== undefined && { filter }) };
  const nodes: MapNode[] = [];
  const hostOf = await hostsOf(question);
  const { sides, answers } = await question.countOnce(
    (part, signal) => part.ask('sides', { ...filtered, node: by, limit: question.mostIds }, signal),
    async (counted, all, signal) => {
      const { elsewhere: without } = counted.uncounted;
      const elsewhere = serversElsewhere(counted.part, all, { by, nodes, hostOf });
      // Boots of a host are one node, but several in its history.
      const most = by === 'host' ? MOST_EDGES : limit;
      const asked = {
        ...filtered,
        range: counted.range,
        by,
        networks,
        order,
        limit: most,
        without,
        elsewhere,
      };
      return counted.part.ask('edges', asked, signal);
    },
  );
  return {
    range,
    ...mergedCoverage(sides.map(({ answer }) => answer)),
    result: mergeMap(
      answers.map(({ part, answer }) => ({ host: hostOf(part), ...answer.result })),
      { by, nodes, order, limit, seconds: Number(range.to - range.from) / 1e9 },
    ),
    incomplete: question.incomplete,
  };
}

type HostOf = (part: HistoryPart) => string;

/** What the host of each history is called: its name, with a part of its machine's id where two have one name. */
async function hostsOf(question: MergedQuestion): Promise<HostOf> {
  const nameOf = ({ name, host }: HistoryPart) => host ?? name;
  const names = question.parts.map(nameOf);
  if (new Set(names).size === names.length) return nameOf;
  const answered = await question.each((part, signal) => part.ask('hosts', {}, signal));
  const hosts = new HostNames(answered.flatMap(({ answer }) => answer));
  const shown = new Map(
    answered.map(({ part, answer: [newest] }) => [part, newest && hosts.shown(newest.host_id)]),
  );
  return (part) => shown.get(part) ?? nameOf(part);
}

/** The nodes of ends that accepted elsewhere, of connections that the part has the other ends of. */
function serversElsewhere(
  part: HistoryPart,
  all: readonly { readonly part: HistoryPart; readonly answer: Answer<SidesOfMap> }[],
  { by, nodes, hostOf }: { readonly by: string; readonly nodes: MapNode[]; readonly hostOf: HostOf },
) {
  const own = new Set(all.find((each) => each.part === part)!.answer.result.clients);
  const ids = new Map<bigint, number>();
  for (const { part: other, answer } of all) {
    if (other === part) continue;
    const { servers, nodes: numbers, names } = answer.result;
    const first = nodes.length;
    nodes.push(...names.map((name) => nodeOf({ kind: 'group', name }, hostOf(other), by)));
    for (const [index, id] of servers.entries())
      if (own.has(id) && !ids.has(id)) ids.set(id, first + numbers[index]!);
  }
  return { ids: [...ids.keys()], nodes: [...ids.values()] };
}

interface SidesOfMap {
  readonly clients: readonly bigint[];
  readonly servers: readonly bigint[];
  readonly nodes: readonly number[];
  readonly names: readonly (string | null)[];
}

async function mergedLosses(question: MergedQuestion, range: Range): Promise<Answer<null>> {
  const answered = await question.each((part, signal) => part.ask('losses', { range }, signal));
  const coverage = mergedCoverage(answered.map(({ answer }) => answer));
  return { range, ...coverage, result: null, incomplete: question.incomplete };
}

async function mergedHosts(question: MergedQuestion): Promise<readonly HostRow[]> {
  const answered = await question.each((part, signal) => part.ask('hosts', {}, signal));
  const hosts = new Map<bigint, HostRow>();
  for (const { answer } of answered)
    for (const host of answer) if (!hosts.has(host.host_id)) hosts.set(host.host_id, host);
  return [...hosts.values()].toSorted((a, b) => (a.time > b.time ? -1 : a.time < b.time ? 1 : 0));
}

/** What another host lacks in every answer now: hosts have no range, by which an answer would say so. */
export function unanswered(
  peers: readonly { readonly name: string; readonly problem: string | undefined }[],
): Incomplete[] {
  return peers.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [{ host: name, answered: false, reason: problem }],
  );
}
