/** What an answer of SQL is: kinds of its columns, its chart, its text. Pure. */
import type { SqlAnswer } from '../../api/api-types.js';

/** What a column has. */
export type ColumnKind = 'time' | 'number' | 'text';

const numberType = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** The kind of a column by its type of DuckDB. */
export function columnKind(type: string): ColumnKind {
  if (/^(?:TIMESTAMP|DATE)/.test(type) && !type.endsWith(']')) return 'time';
  return numberType.test(type) ? 'number' : 'text';
}

/** A value as text; null: not known. */
export function valueText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Milliseconds since 1970 of a time of DuckDB, which is in UTC. */
export function parseSqlTime(text: string): number {
  const found = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d)(\.\d+)?)?(?:\+00)?$/.exec(text);
  if (found === null) return Number.NaN;
  const [, date, clock = '00:00:00', fraction = ''] = found;
  return Date.parse(`${date}T${clock}Z`) + Number(`0${fraction}`) * 1000;
}

/** A line of the chart. */
export interface ResultSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

/** A chart of an answer. */
export interface ResultChart {
  /** Milliseconds since 1970, ascending. */
  readonly times: readonly number[];
  readonly stepSeconds: number;
  readonly series: readonly ResultSeries[];
  /** Lines that found no room. */
  readonly leftOut: number;
}

/** More lines have no colours. */
export const MOST_SERIES = 6;

/**
 * The chart of an answer: its first column of times against its columns of numbers. Where there is one column of text, too, the first
 * column of numbers has a line for each of its values, the largest first.
 *
 * @returns Undefined where there is no column of times, or of numbers, or fewer than two times.
 */
export function chartOf({ columns, rows }: SqlAnswer): ResultChart | undefined {
  const kinds = columns.map(({ type }) => columnKind(type));
  const time = kinds.indexOf('time');
  const numbers = kinds.flatMap((kind, index) => (kind === 'number' ? [index] : []));
  const texts = kinds.flatMap((kind, index) => (kind === 'text' ? [index] : []));
  if (time < 0 || numbers.length === 0) return undefined;
  const lines = new Map<string, Map<number, number>>();
  const times = new Set<number>();
  const put = (label: string, at: number, value: unknown) => {
    const number = value === null ? Number.NaN : Number(value);
    if (!Number.isFinite(number)) return;
    const line = lines.get(label) ?? new Map<number, number>();
    lines.set(label, line);
    line.set(at, number);
  };
  for (const row of rows) {
    const at = parseSqlTime(valueText(row[time]) ?? '');
    if (Number.isNaN(at)) continue;
    times.add(at);
    if (texts.length === 1) put(valueText(row[texts[0]!]) ?? 'not known', at, row[numbers[0]!]);
    else for (const index of numbers) put(columns[index]!.name, at, row[index]);
  }
  if (times.size < 2) return undefined;
  const sorted = [...times].sort((a, b) => a - b);
  const sum = (line: Map<number, number>) =>
    [...line.values()].reduce((all, each) => all + Math.abs(each), 0);
  const all = [...lines];
  if (texts.length === 1) all.sort(([, a], [, b]) => sum(b) - sum(a));
  const series = all.slice(0, MOST_SERIES).map(([label, line]) => ({
    label,
    values: sorted.map((at) => line.get(at) ?? null),
  }));
  const step = Math.min(...sorted.slice(1).map((at, index) => at - sorted[index]!));
  return { times: sorted, stepSeconds: step / 1000, series, leftOut: all.length - series.length };
}

/** The answer as CSV by RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe. */
export function csvOf({ columns, rows }: SqlAnswer): string {
  const line = (values: readonly string[]) => `${values.map(csvField).join(',')}\r\n`;
  const kinds = columns.map(({ type }) => columnKind(type));
  const cell = (value: unknown, index: number) => {
    const text = valueText(value) ?? '';
    return kinds[index] === 'text' ? harmless(text) : text;
  };
  return line(columns.map(({ name }) => harmless(name))) + rows.map((row) => line(row.map(cell))).join('');
}

function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The answer as JSON: an array of objects. Numbers of 64 bits are text. */
export function jsonOf({ columns, rows }: SqlAnswer): string {
  const names = uniqueNames(columns.map(({ name }) => name));
  const objects = rows.map((row) =>
    JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at]]))),
  );
  return `[\n${objects.join(',\n')}\n]\n`;
}

/** The answer for the clipboard: tabs between values. */
export function tabbedOf({ columns, rows }: SqlAnswer): string {
  const field = (value: unknown) => (valueText(value) ?? '').replace(/[\t\r\n]+/g, ' ');
  return [columns.map(({ name }) => name), ...rows].map((row) => row.map(field).join('\t')).join('\n');
}

function uniqueNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; used.has(unique); number++) unique = `${name}_${number}`;
    used.add(unique);
    return unique;
  });
}
