/** Groups, series and comparisons of several histories, each connection counted once. */
import {
  addGroups,
  addSums,
  byMeasure,
  compareKeys,
  type GroupSums,
  keyText,
  measuresOf,
  noIds,
  noSums,
  type SideIds,
  type Sums,
} from '@weir/history/merge';
import type { EndsChoice } from '@weir/history/query';
import {
  type Answer,
  type CompareQuery,
  type Comparison,
  type Coverage,
  compareGroup,
  type Difference,
  type Group,
  type GroupKey,
  type Groups,
  type GroupsQuery,
  type MeasureOrder,
  type Series,
  type SeriesQuery,
} from '@weir/history/query';
import type { Range } from '../api/history.js';
import type { HistoryPart, PartFilter } from './history-part.js';
import { type CountedPart, type MergedQuestion, mergedCoverage } from './merged-question.js';
import { MAX_GROUPS } from './peer-protocol.js';

/** A question with its filter as text. */
export type WithText<Query> = Omit<Query, 'where'> & { readonly filter?: string };

/** Rows of the steps of series, at most, for each host. */
const MOST_STEP_ROWS = 200_000;

/** What is asked of each history. */
interface SumsWanted extends PartFilter {
  readonly by: readonly string[];
  readonly order: MeasureOrder;
  readonly step?: bigint;
  readonly keys?: readonly GroupKey[];
}

/** What all histories together have. */
interface MergedSums {
  readonly coverage: Omit<Coverage, 'incomplete'>;
  readonly groups: readonly GroupSums[];
  readonly total: Sums;
  /** How many groups there are, as far as it is known. */
  readonly count: number;
  /** Each history, what it counts, and the groups that it has. */
  readonly parts: readonly (CountedPart & { readonly groups: readonly GroupSums[] })[];
}

async function sumsOf(
  question: MergedQuestion,
  wanted: SumsWanted,
  ends: EndsChoice['ends'] = 'once',
): Promise<MergedSums> {
  const { range, filter, by } = wanted;
  const filtered = filter === undefined ? {} : { filter };
  const { sides, answers } = await question.countOnce(
    async (part, signal) =>
      ends === 'all'
        ? withoutSides(range)
        : part.ask('sides', { range, ...filtered, limit: question.mostIds }, signal),
    async (counted, _, signal) => {
      const asked = {
        ...{ ...wanted, range: counted.range, without: uncountedOf(counted) },
        limit: wanted.step === undefined ? MAX_GROUPS : MOST_STEP_ROWS,
      };
      const answer = await counted.part.ask('sums', asked, signal);
      return { counted, answer, sums: answer.result };
    },
  );
  for (const { part, answer } of answers) {
    const { groups, count } = answer.sums;
    if (count > groups.length)
      question.note(part, `the ${groups.length} largest of its ${count} groups are in the sums`);
  }
  const groups = addGroups(
    by,
    answers.flatMap(({ answer }) => answer.sums.groups),
  );
  return {
    coverage: mergedCoverage(
      ends === 'all' ? answers.map(({ answer }) => answer.answer) : sides.map(({ answer }) => answer),
    ),
    groups,
    total: answers.map(({ answer }) => answer.sums.total).reduce(addSums, noSums),
    count: Math.max(groups.length, ...answers.map(({ answer }) => answer.sums.count)),
    parts: answers.map(({ answer }) => ({ ...answer.counted, groups: answer.sums.groups })),
  };
}

/** Nothing is known of ends: each counts. */
function withoutSides(range: Range) {
  return { range, losses: [], unrecorded: [], result: { ...noIds, isCut: false } };
}

/** All ends that do not count. */
function uncountedOf({ uncounted: { elsewhere, here } }: CountedPart): SideIds {
  return { clients: elsewhere.clients, servers: [...elsewhere.servers, ...here] };
}

function secondsOf({ from, to }: Range): number {
  return Number(to - from) / 1e9;
}

/** Groups. Percentiles do not add up: they are known of groups of which one history has all. */
export async function mergedGroups(
  question: MergedQuestion,
  query: WithText<GroupsQuery> & EndsChoice,
): Promise<Answer<Groups>> {
  const { range, by, order = 'bytes', limit = 100, percentiles = [] } = query;
  const sums = await sumsOf(question, { ...filterIn(query), by, order }, query.ends);
  const seconds = secondsOf(range);
  const sorted = sums.groups
    .map(({ key, sums: each }) => ({ key, ...measuresOf(each, seconds) }))
    .toSorted(byMeasure(order, by));
  const groups = by.length === 0 ? [] : sorted.slice(0, limit);
  return {
    range,
    ...sums.coverage,
    result: {
      groups:
        percentiles.length === 0
          ? groups
          : await withPercentiles(
              question,
              { ...filterIn(query), by, order, percentiles },
              groups,
              sums.parts,
            ),
      count: by.length === 0 ? 0 : sums.count,
      total: measuresOf(sums.total, seconds),
    },
    incomplete: question.incomplete,
  };
}

/** Only so many groups have percentiles, as where one history answers. */
const PERCENTILE_GROUPS = 200;

async function withPercentiles(
  question: MergedQuestion,
  wanted: SumsWanted & { readonly percentiles: readonly number[] },
  groups: readonly Group[],
  parts: MergedSums['parts'],
): Promise<readonly Group[]> {
  const { by, percentiles } = wanted;
  const owners = new Map<string, HistoryPart | 'several'>();
  for (const { part, groups: own } of parts)
    for (const { key } of own) {
      const text = keyText(by, key);
      owners.set(text, owners.has(text) ? 'several' : part);
    }
  const chosen = groups.slice(0, PERCENTILE_GROUPS);
  const answered = await question.each(async (part, signal) => {
    const counted = parts.find((each) => each.part === part);
    const keys = chosen.map(({ key }) => key).filter((key) => owners.get(keyText(by, key)) === part);
    if (counted === undefined || keys.length === 0) return [];
    const asked = { ...wanted, range: counted.range, without: uncountedOf(counted), keys };
    return (await part.ask('percentiles', asked, signal)).result.groups;
  });
  const known = new Map(
    answered.flatMap(({ answer }) => answer.map((group) => [keyText(by, group.key), group.percentiles])),
  );
  const unknown = percentiles.map(() => null);
  const none = { handshake_us: unknown, srtt_us: unknown, duration_us: unknown };
  return groups.map((group, index) =>
    index < PERCENTILE_GROUPS ? { ...group, percentiles: known.get(keyText(by, group.key)) ?? none } : group,
  );
}

/** Figures over time: first the largest groups of all histories are found, then their steps. */
export async function mergedSeries(
  question: MergedQuestion,
  query: WithText<SeriesQuery> & EndsChoice,
): Promise<Answer<readonly Series[]>> {
  const { range, step, by = [], order = 'bytes', limit = 10 } = query;
  const filter = filterIn(query);
  const seconds = Number(step) / 1e9;
  const largest =
    by.length === 0 ? undefined : (await mergedGroups(question, { ...query, by, limit })).result.groups;
  const keys = largest?.map(({ key }) => key);
  const wanted = { ...filter, by, order, step, ...(keys !== undefined && { keys }) };
  const sums = await sumsOf(question, wanted, query.ends);
  const series = new Map<string, GroupSums[]>((keys ?? []).map((key) => [keyText(by, key), []]));
  for (const group of sums.groups) {
    const text = keyText(by, group.key);
    series.set(text, [...(series.get(text) ?? []), group]);
  }
  return {
    range,
    ...sums.coverage,
    result: [...series.values()].flatMap((steps): Series[] => {
      const [first] = steps;
      if (first === undefined) return [];
      const points = steps
        .toSorted((a, b) => (a.step! < b.step! ? -1 : 1))
        .map(({ step: number, sums: each }) => ({ time: number! * step, ...measuresOf(each, seconds) }));
      return [{ key: first.key, points }];
    }),
    incomplete: question.incomplete,
  };
}

/** Two ranges, each of which has what the same histories answered. */
export async function mergedCompare(
  question: MergedQuestion,
  query: WithText<CompareQuery>,
): Promise<Answer<Comparison>> {
  const { range, against, by, limit = 1000 } = query;
  const wanted = { ...filterIn(query), by, order: 'bytes' as const };
  let now: MergedSums;
  let before: MergedSums;
  let asked: number;
  do {
    asked = question.parts.length;
    now = await sumsOf(question, wanted);
    before = await sumsOf(question, { ...wanted, range: against });
  } while (question.parts.length < asked);
  const earlier = new Map(before.groups.map((group) => [keyText(by, group.key), group]));
  const ratio = secondsOf(range) / secondsOf(against);
  const pairs = [
    ...now.groups.map((group) => ({ now: group, before: earlier.get(keyText(by, group.key)) })),
    ...withoutKeys(by, before.groups, now.groups).map((group) => ({ now: undefined, before: group })),
  ];
  const differences = pairs
    .map((pair) =>
      compareGroup(
        (pair.now ?? pair.before!).key,
        pair.now && measuresOf(pair.now.sums, secondsOf(range)),
        pair.before && measuresOf(pair.before.sums, secondsOf(against)),
        ratio,
      ),
    )
    .filter(({ changes }) => changes.length > 0)
    .toSorted((a, b) => bytesOf(b) - bytesOf(a) || compareKeys(by, a.key, b.key));
  return {
    range,
    ...now.coverage,
    result: {
      against,
      againstCoverage: before.coverage,
      differences: differences.slice(0, limit),
      count: pairs.length,
    },
    incomplete: question.incomplete,
  };
}

function withoutKeys(by: readonly string[], groups: readonly GroupSums[], others: readonly GroupSums[]) {
  const known = new Set(others.map(({ key }) => keyText(by, key)));
  return groups.filter(({ key }) => !known.has(keyText(by, key)));
}

function bytesOf({ now, before }: Difference): number {
  return [now, before].reduce(
    (sum, each) => sum + (each === undefined ? 0 : each.bytes_sent + each.bytes_received),
    0,
  );
}

function filterIn({ range, filter }: PartFilter): PartFilter {
  return { range, ...(filter !== undefined && { filter }) };
}
