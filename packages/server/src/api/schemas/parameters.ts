/** Parameters that several routes have. */
import { accepts } from '@weir/config';
import { parseDuration } from '@weir/ebpf/duration';
import { userId } from '@weir/ebpf/sys';
import { filterSource, groupFields, parseTime, parseTimeRange, systemZone } from '@weir/history/query';
import { ProblemError } from '@weir/http/api';
import { FilterError, MAX_FILTER_LENGTH, parseFilter } from '@weir/tracer/filter';
import { z } from 'zod';
import type { Range } from '../history.js';

const MAX_TIME_LENGTH = 100;
const MAX_FIELDS = Object.keys(groupFields).length;

/** A range of time as people write it. */
export const rangeText = z
  .string()
  .min(1)
  .max(MAX_TIME_LENGTH)
  .default('-1h')
  .describe('A range of time: -1h, 10:32..10:45, yesterday, 2026-11-26T10:00:00Z..+5m. Default -1h.');

/** The same, where nothing means all that is kept. */
export const optionalRange = z
  .string()
  .min(1)
  .max(MAX_TIME_LENGTH)
  .exactOptional()
  .describe('A range of time, as elsewhere. Default: all that is kept.');

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The zone in which times of day are meant. */
export const zone = z
  .string()
  .max(64)
  .refine(isZone, { error: 'expected a time zone such as Europe/Berlin' })
  .exactOptional()
  .describe("Time zone of times of day, such as Europe/Berlin. Default: the server's.");

/** A filter in the language that `weir top` has too. */
export const filterText = z
  .string()
  .max(MAX_FILTER_LENGTH)
  .exactOptional()
  .describe('Only connections that meet this filter, such as: process=nginx and not port=443.');

/** A span of time, in nanoseconds. */
export const spanText = z
  .string()
  .refine(accepts(parseDuration), { error: 'expected a time such as 10s, 1m or 1h' })
  .transform((text) => BigInt(parseDuration(text)) * 1_000_000n);

/** Names of fields, with commas between them. */
export const fieldList = z
  .string()
  .max(1000)
  .transform((text) => text.split(',').filter((name) => name !== ''))
  .refine((names) => names.length <= MAX_FIELDS, { error: `at most ${MAX_FIELDS} fields` });

/** A number in an address. */
export function numberText(least: number, most: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, { error: `a number from ${least} to ${most}` })
    .transform(Number)
    .refine((number) => number >= least && number <= most, {
      error: `expected a number from ${least} to ${most}`,
    });
}

/** An imported file instead of this server's history. */
export const source = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .exactOptional()
  .describe("The id of an imported file that is asked. Default: this server's history.");

/** Parameters of a question about a range. */
export const rangeParameters = { range: rangeText, zone, source };

/** The same with a filter. */
export const filteredParameters = { ...rangeParameters, filter: filterText };

interface ZoneParameter {
  readonly zone?: string;
}

/** Now, nanoseconds since 1970. */
export function momentNow(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

function timeOptions({ zone }: ZoneParameter) {
  return { now: momentNow(), zone: zone ?? systemZone() };
}

/** The range that was asked about. @throws OptionError */
export function rangeOf({ range, ...rest }: ZoneParameter & { readonly range: string }): Range {
  return parseTimeRange(range, timeOptions(rest));
}

/** The moment that was asked about. @throws OptionError */
export function momentOf(text: string, parameters: ZoneParameter): bigint {
  return parseTime(text, timeOptions(parameters));
}

/** Rows that filters choose from, and what they are called in messages. */
export type FilteredRows = NonNullable<NonNullable<Parameters<typeof parseFilter>[1]>['rows']>;

/** Connections that ended. */
export const endRows: FilteredRows = {
  columns: filterSource('ends').columns,
  what: 'connections of the history',
};
/** Connections that were open. */
export const openRows: FilteredRows = { columns: filterSource('opens').columns, what: 'open connections' };

/** The filter that was given, for a query. @throws ProblemError with its column */
export function filterOf({ filter }: { readonly filter?: string }, rows = endRows) {
  return filter === undefined || filter.trim() === '' ? {} : { filter: parse(filter, rows) };
}

function parse(text: string, rows: FilteredRows) {
  try {
    return parseFilter(text, { rows, users: (name) => userId(name) });
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    const { column, suggestion, message } = error;
    throw new ProblemError('filter', message, { column, ...(suggestion !== undefined && { suggestion }) });
  }
}
