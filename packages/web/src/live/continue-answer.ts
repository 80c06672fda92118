/** Continues answers by what the live stream has said since. Pure. */
import type { ApiRange, ApiTime, Coverage, Key, Measures, Point, SecondSums } from '../api/api-types.js';
import { apiTime, parseApiTime } from '../format/time-text.js';

/** Sums that came together. */
export interface LiveEvent {
  /** Up to here, everything is in the history together with this. */
  readonly id: ApiTime;
  readonly seconds: readonly SecondSums[];
}

/** What the stream has said. */
export interface LiveSums {
  /** All that was stored since is in the events. Undefined: nothing is known. */
  readonly since: ApiTime | undefined;
  /** In order of their ids. */
  readonly events: readonly LiveEvent[];
}

/** Nothing. */
export const noLiveSums: LiveSums = { since: undefined, events: [] };

const sumNames = [
  ...(['connections', 'failures', 'bytes_sent', 'bytes_received', 'segments_sent'] as const),
  ...(['segments_received', 'retransmits'] as const),
];

/** Up to when everything is in an answer: times of the API are in the order of their texts. */
export function knownUpTo({ range, unrecorded }: Coverage): ApiTime {
  const last = unrecorded.at(-1);
  return last?.to === range.to ? last.from : range.to;
}

/** With more events; the oldest of too many are forgotten. @param most Events that are kept */
export function withEvents({ since, events }: LiveSums, more: readonly LiveEvent[], most: number): LiveSums {
  const all = [...events, ...more];
  const forgotten = all[all.length - most - 1];
  return { since: forgotten?.id ?? since, events: all.slice(-most) };
}

/** The events that an answer does not have; none where some are missing between. */
function eventsAfter({ since, events }: LiveSums, upTo: ApiTime): readonly LiveEvent[] {
  if (since === undefined || upTo < since) return [];
  let first = events.length;
  while (first > 0 && events[first - 1]!.id > upTo) first--;
  return events.slice(first);
}

/** What an answer says about its range, up to the newest event. */
function continueCoverage<Answer extends Coverage>(answer: Answer, upTo: ApiTime): Answer {
  const { range, unrecorded } = answer;
  const to = upTo > range.to ? upTo : range.to;
  const known = knownUpTo(answer);
  const others = known === range.to ? unrecorded : unrecorded.slice(0, -1);
  const rest: ApiRange[] = upTo < to ? [{ from: upTo, to }] : [];
  return { ...answer, range: { from: range.from, to }, unrecorded: [...others, ...rest] };
}

/** A total of everything in the range. */
export function continueTotal<Answer extends Coverage & { readonly total: Measures }>(
  answer: Answer,
  live: LiveSums,
): Answer {
  const events = eventsAfter(live, knownUpTo(answer));
  if (events.length === 0) return answer;
  const next = continueCoverage(answer, events.at(-1)!.id);
  const total = { ...answer.total };
  for (const { seconds } of events) for (const sums of seconds) addTo(total, sums);
  const length = (parseApiTime(next.range.to) - parseApiTime(next.range.from)) / 1000;
  return {
    ...next,
    total: { ...total, rate: length > 0 ? (total.bytes_sent + total.bytes_received) / length : total.rate },
  };
}

/** An answer with points of one series of all. */
interface OneSeries extends Coverage {
  readonly step_seconds: number;
  readonly series: readonly { readonly key: Key; readonly points: readonly Point[] }[];
}

/** A series of everything in the range. */
export function continueSeries<Answer extends OneSeries>(answer: Answer, live: LiveSums): Answer {
  const events = eventsAfter(live, knownUpTo(answer));
  if (events.length === 0) return answer;
  const stepMs = answer.step_seconds * 1000;
  const points = new Map<ApiTime, Point>();
  const known = answer.series[0]?.points ?? [];
  const last = new Map(known.slice(-LATE_STEPS).map((point) => [parseApiTime(point.time), point]));
  for (const { seconds } of events) {
    for (const sums of seconds) {
      const from = Math.floor(parseApiTime(sums.time) / stepMs) * stepMs;
      const before = last.get(from);
      // With nanoseconds, as the other times have them.
      const time = before?.time ?? apiTime(from).replace('Z', '000000Z');
      const point = points.get(time) ?? { ...(before ?? noPoint), time };
      points.set(time, point);
      addTo(point, sums);
    }
  }
  const others = known.filter(({ time }) => !points.has(time));
  const all = [...others, ...points.values()].sort((a, b) => (a.time < b.time ? -1 : 1));
  const next = continueCoverage(answer, events.at(-1)!.id);
  return { ...next, series: [{ ...answer.series[0], key: {}, points: all }] };
}

/** Steps that may still get something. */
const LATE_STEPS = 100;

const noPoint = {
  ...{ connections: 0, failures: 0, bytes_sent: 0, bytes_received: 0, segments_sent: 0 },
  ...{ segments_received: 0, retransmits: 0, rate: 0 },
};

function addTo(sums: Measures, more: SecondSums): void {
  const mutable = sums as { -readonly [Name in keyof Measures]: Measures[Name] };
  for (const name of sumNames) mutable[name] += more[name];
}
