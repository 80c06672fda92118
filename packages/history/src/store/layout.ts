/** Where files of a history lie in its folder, and how segments are named. */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HOUR_NS = 3_600_000_000_000n;

/** The first and the last time that rows can have, nanoseconds since 1970. */
export const FIRST_TIME = -(2n ** 63n) + 2n;
export const LAST_TIME = 2n ** 63n - 2n;

/** A time, or the one nearest to it that rows can have. */
export function possibleTime(ns: bigint): bigint {
  return ns < FIRST_TIME ? FIRST_TIME : ns > LAST_TIME ? LAST_TIME : ns;
}

/** Paths in the folder of a history. */
export interface Layout {
  readonly folder: string;
  /** Rows that no segment has yet, and the list of segments. */
  readonly database: string;
  /** One Parquet file a table, hour and part. */
  readonly segments: string;
  /** Where DuckDB puts what does not fit its memory. */
  readonly temporary: string;
  /** Space that is given back when the disk is full, so that the removal of segments can be recorded. */
  readonly reserve: string;
}

/**
 * The paths of a history in a folder.
 *
 * @param readOnly Nothing is written there: what has to be written for a while goes to the system's temporary folder.
 */
export function layoutOf(folder: string, readOnly = false): Layout {
  return {
    folder,
    database: join(folder, 'hot.duckdb'),
    segments: join(folder, 'segments'),
    temporary: readOnly ? join(tmpdir(), `weir-history-${randomUUID()}`) : join(folder, 'tmp'),
    reserve: join(folder, 'reserve'),
  };
}

/** The number of an hour, counted from 1970, in which a time lies. */
export function hourOf(ns: bigint): number {
  const hour = ns / HOUR_NS;
  return Number(ns < 0n && hour * HOUR_NS !== ns ? hour - 1n : hour);
}

/** When an hour begins, nanoseconds since 1970. */
export function hourStart(hour: number): bigint {
  return BigInt(hour) * HOUR_NS;
}

/** The name of a segment: `ends-2026-11-26T13Z-1.parquet`. */
export function segmentName(table: string, hour: number, part: number): string {
  const text = new Date(hour * 3_600_000).toISOString().slice(0, 13);
  return `${table}-${text}Z-${part}.parquet`;
}

/** Table, hour and part in the name of a segment. */
export const segmentPattern = /^([a-z]+)-(\d{4}-\d{2}-\d{2}T\d{2})Z-(\d+)\.parquet$/;

/** Whether a file has the name of a segment. */
export function isSegmentName(name: string): boolean {
  return segmentPattern.test(name);
}

/** A segment that is being written. */
export const UNFINISHED = '.tmp';
/** What is added to the name of a file that was found damaged. */
export const DAMAGED = '.damaged';
