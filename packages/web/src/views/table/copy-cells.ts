/** Cells to the clipboard, as spreadsheets take them. */
import { formatMany } from '../../format/number-text.js';
import { copyText } from './put-out.js';
import { type CellValue, tabText } from './table-text.js';

/**
 * Copies rows of cells, below the titles of their columns unless there is only one cell.
 *
 * @returns what is said about it
 */
export async function copyCells(
  titles: readonly string[],
  rows: readonly (readonly CellValue[])[],
): Promise<string> {
  const isOne = rows.length === 1 && titles.length === 1;
  const isCopied = await copyText(tabText(isOne ? rows : [titles, ...rows]));
  return isCopied ? `Copied ${formatMany(rows.length, 'row')}` : 'The browser did not allow copying';
}
