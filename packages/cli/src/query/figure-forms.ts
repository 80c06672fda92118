/** Groups, series and comparisons as objects, text and CSV. */
import type { Answer, Comparison, Difference, Groups, Measures, Series } from '@weir/history/query';
import { timeText } from '@weir/history/rows';
import { formatBytes, formatMilliseconds } from '../text/units.js';
import { type Column, nameText } from './forms.js';
import { localTime } from './times.js';

/** The percentiles of groups. */
export const percentilePoints = { p50: 0.5, p95: 0.95, p99: 0.99 };

const measureNames = [
  ...['connections', 'failures', 'bytes_sent', 'bytes_received', 'segments_sent', 'segments_received'],
  ...['retransmits', 'rate', 'retransmit_ratio', 'handshake_us', 'srtt_us', 'duration_us'],
];
const latencies = ['handshake_us', 'srtt_us', 'duration_us'] as const;

type Key = Readonly<Record<string, string | number | null>>;
type Percentiles = Readonly<Record<string, number | null>>;

/** A group with its percentiles by name. */
export type GroupJson = Measures & {
  readonly key: Key;
  readonly percentiles?: Readonly<Record<string, Percentiles>>;
};

/** Groups as JSON shows them; without fields, the one group of all. */
export function groupRows({ groups, total }: Groups, by: readonly string[]): GroupJson[] {
  if (by.length === 0) return [{ key: {}, ...total }];
  return groups.map(({ percentiles, ...group }) => ({
    ...group,
    ...(percentiles !== undefined && {
      percentiles: Object.fromEntries(latencies.map((name) => [name, named(percentiles[name])])),
    }),
  }));
}

function named(values: readonly (number | null)[]): Percentiles {
  return Object.fromEntries(
    Object.keys(percentilePoints).map((name, index) => [name, values[index] ?? null]),
  );
}

export type PointJson = Measures & { readonly time: string; readonly at: bigint; readonly key: Key };

/** The points of all series, in order of time. */
export function pointRows(series: readonly Series[]): PointJson[] {
  return series
    .flatMap(({ key, points }) =>
      points.map(({ time, ...point }) => ({ time: timeText(time), at: time, key, ...point })),
    )
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

const keyPaths = (by: readonly string[]) => by.map((name) => `key.${name}`);

/** The columns of CSV of groups. */
export function groupPaths(by: readonly string[]): string[] {
  const points = latencies.flatMap((name) =>
    Object.keys(percentilePoints).map((point) => `percentiles.${name}.${point}`),
  );
  return [...keyPaths(by), ...measureNames, ...(by.length === 0 ? [] : points)];
}

/** The columns of CSV of series. */
export function pointPaths(by: readonly string[]): string[] {
  return ['time', ...keyPaths(by), ...measureNames];
}

/** The columns of CSV of comparisons. */
export function differencePaths(by: readonly string[]): string[] {
  const both = ['now', 'before'].flatMap((side) => measureNames.map((name) => `${side}.${name}`));
  return [...keyPaths(by), 'changes', ...both];
}

function keyColumns<Row extends { readonly key: Key }>(by: readonly string[]): Column<Row>[] {
  return by.map((name) => ({ title: name.toUpperCase(), text: ({ key }) => nameText(key[name]) }));
}

const mean = (value: number | undefined) => (value === undefined ? '-' : formatMilliseconds(value));

const measureColumns: readonly Column<Measures>[] = [
  { title: 'CONNS', text: ({ connections }) => String(connections), isNumber: true },
  { title: 'FAILED', text: ({ failures }) => String(failures), isNumber: true },
  { title: 'SENT', text: ({ bytes_sent }) => formatBytes(bytes_sent), isNumber: true },
  { title: 'RECEIVED', text: ({ bytes_received }) => formatBytes(bytes_received), isNumber: true },
  { title: 'RATE', text: ({ rate }) => `${formatBytes(Math.round(rate))}/s`, isNumber: true },
  { title: 'RETRANS', text: retransmitText, isNumber: true },
];

function retransmitText({ retransmits, retransmit_ratio: ratio }: Measures): string {
  return ratio === undefined || retransmits === 0
    ? String(retransmits)
    : `${retransmits} (${(ratio * 100).toFixed(2)} %)`;
}

function percentileText(group: GroupJson, name: (typeof latencies)[number]): string {
  const values = Object.values(group.percentiles?.[name] ?? {});
  if (!values.some((value) => value !== null)) return mean(group[name]);
  return values
    .map((value) => (value === null ? '-' : formatMilliseconds(value).replace(/ ms$/, '')))
    .join(' / ');
}

/** The table of groups. */
export function groupColumns(by: readonly string[]): Column<GroupJson>[] {
  const points = by.length === 0 ? 'MEAN' : 'p50 / p95 / p99 ms';
  return [
    ...keyColumns<GroupJson>(by),
    ...measureColumns,
    { title: `HANDSHAKE ${points}`, text: (group) => percentileText(group, 'handshake_us'), isNumber: true },
    { title: `RTT ${points}`, text: (group) => percentileText(group, 'srtt_us'), isNumber: true },
  ];
}

/** The table of series. */
export function pointColumns(by: readonly string[]): Column<PointJson>[] {
  return [
    { title: 'TIME', text: ({ at }) => localTime(at) },
    ...keyColumns<PointJson>(by),
    ...measureColumns,
  ];
}

/** The table of comparisons: what is now, and in parentheses what was before. */
export function differenceColumns(by: readonly string[]): Column<Difference>[] {
  const both =
    (text: (measures: Measures) => string) =>
    ({ now, before }: Difference) =>
      `${now === undefined ? '-' : text(now)} (${before === undefined ? '-' : text(before)})`;
  const total = ({ bytes_sent, bytes_received }: Measures) => formatBytes(bytes_sent + bytes_received);
  return [
    ...keyColumns<Difference>(by),
    { title: 'CHANGES', text: ({ changes }) => changes.join(', ').replaceAll('_', ' ') },
    { title: 'CONNS', text: both(({ connections }) => String(connections)), isNumber: true },
    { title: 'FAILED', text: both(({ failures }) => String(failures)), isNumber: true },
    { title: 'BYTES', text: both(total), isNumber: true },
    { title: 'HANDSHAKE', text: both(({ handshake_us }) => mean(handshake_us)), isNumber: true },
    { title: 'RTT', text: both(({ srtt_us }) => mean(srtt_us)), isNumber: true },
  ];
}

/** The other range of a comparison, as an answer of its own. */
export function againstOf({ against, againstCoverage }: Comparison): Answer<null> {
  return { range: against, ...againstCoverage, result: null };
}
