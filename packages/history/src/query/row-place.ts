/** The place of a row in the order of all rows: by time, and where that is the same, by what distinguishes them. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import type { EndRow } from '../schema/index.js';
import type { Condition } from './condition.js';

/** Columns that order all rows: two of the same time differ in another. */
const placeColumns = ['time', 'monotonic_ns', 'flow_ns', 'flow_cpu', 'local_port', 'peer_port'] as const;
/** Their values, none of which is NULL. */
export const placeExpressions: readonly string[] = [
  'epoch_ns(time)',
  'monotonic_ns',
  'coalesce(flow_ns, 0)',
  'coalesce(flow_cpu, 0)',
  'local_port',
  'peer_port',
];

/** The place of a row in the order; its first number is the time. */
export type Place = readonly bigint[];

/** The place of a row. */
export function placeOf(row: EndRow): Place {
  return placeColumns.map((name) => BigInt(row[name] ?? 0));
}

/** A place as text. */
export function writeCursor(place: Place): string {
  return place.map((value) => value.toString(36)).join('.');
}

/** @throws OptionError for a text that is no cursor. */
export function readCursor(text: string): Place {
  const parts = text.split('.');
  if (parts.length !== placeColumns.length || !parts.every((part) => /^-?[0-9a-z]{1,13}$/.test(part)))
    throw new OptionError('cursor: expected what the page before gave');
  return parts.map((part) => {
    const size = [...part.replace('-', '')].reduce(
      (sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)),
      0n,
    );
    if (size >= 2n ** 64n) throw new OptionError('cursor: expected what the page before gave');
    return part.startsWith('-') ? -size : size;
  });
}

/** Rows before, after or at a place. */
export function relativeTo(place: Place, sign: '<' | '>' | '='): Condition {
  const row = placeExpressions.map((sql) => `${sql}::HUGEINT`).join(', ');
  const values = place.map(String);
  return { sql: `(${row}) ${sign} (${values.map(() => '?::HUGEINT').join(', ')})`, values };
}
