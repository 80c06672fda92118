/** Rows as text for other programs. Pure. */
import { visibleName } from '../../format/name-text.js';

/** A value of a cell; undefined: not known. */
export type CellValue = string | number | undefined;

/**
 * A text as it is safe in a file that a spreadsheet or a terminal shows: what is not drawn as itself is written as its code, and what
 * a spreadsheet would compute gets an apostrophe before it. Such names are chosen by others.
 */
function safeText(value: string): string {
  const text = visibleName(value);
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

/** Lines with tabs between their values, as spreadsheets take them from the clipboard. */
export function tabText(rows: readonly (readonly CellValue[])[]): string {
  const cell = (value: CellValue) => (typeof value === 'string' ? safeText(value) : String(value ?? ''));
  return rows.map((row) => row.map(cell).join('\t')).join('\n');
}

/** A line of CSV as of RFC 4180. */
export function csvLine(values: readonly CellValue[]): string {
  const cell = (value: CellValue) => {
    if (typeof value !== 'string') return String(value ?? '');
    const text = safeText(value);
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${values.map(cell).join(',')}\r\n`;
}
