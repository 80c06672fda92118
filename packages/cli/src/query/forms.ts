/** JSON lines, CSV and tables of an answer's rows. */
import { escapeJson, unescapeName } from '@weir/tracer/escape';
import { escapeText } from '../text/escape.js';
import { displayWidth, padEnd } from '../text/width.js';

/** An object as JSON shows it. */
export type Json = object;

/** A column of a table of text. */
export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
}

/** One line, safe on a terminal. */
export function jsonLine(value: Json): string {
  return `${escapeJson(JSON.stringify(value))}\n`;
}

/** The values at paths such as `process.pid`, as RFC 4180 has them but with a line feed at the end. */
export function csvLine(value: Json, paths: readonly string[]): string {
  return `${paths.map((path) => csvCell(valueAt(value, path))).join(',')}\n`;
}

/** The first line of CSV. */
export function csvHeader(paths: readonly string[]): string {
  return `${paths.map(csvCell).join(',')}\n`;
}

function valueAt(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

/** Line breaks and what a terminal would obey are `\u000a`, as in JSON. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A cell: empty where nothing is known. */
export function csvCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text =
    typeof value === 'string' ? value : Array.isArray(value) ? value.join(' ') : JSON.stringify(value);
  const safe = text.replace(unsafe, (character) =>
    Array.from({ length: character.length }, (_, index) => hexadecimal(character.charCodeAt(index))).join(''),
  );
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function hexadecimal(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

/** A name of the history for people; `-`: not known. */
export function nameText(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '-';
  return escapeText(typeof value === 'string' ? unescapeName(value) : String(value));
}

/** A table with a header. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ text }) => text(row))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => displayWidth(line[index]!))));
  const padded = (text: string, index: number) => {
    const width = widths[index]!;
    return columns[index]!.isNumber ? ' '.repeat(width - displayWidth(text)) + text : padEnd(text, width);
  };
  return cells.map((line) => `${line.map(padded).join('  ').trimEnd()}\n`).join('');
}
