/** The cell that keys act on, and the cells selected with it. Pure. */

/** A cell. Row -1 is the header. */
export interface CellPlace {
  readonly row: number;
  readonly column: number;
}

/** A rectangle of cells: from where it was begun to the cell that keys act on. */
export interface CellSelection {
  readonly active: CellPlace;
  readonly anchor: CellPlace;
}

/** The cells of a selection; both ends are part of it. */
export interface CellArea {
  readonly firstRow: number;
  readonly lastRow: number;
  readonly firstColumn: number;
  readonly lastColumn: number;
}

/** How large the grid is. */
export interface GridSize {
  readonly rows: number;
  readonly columns: number;
  /** Rows that PageUp and PageDown move by. */
  readonly page: number;
}

/** Keys, as of `KeyboardEvent`. */
export interface GridKey {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
}

/** So many rows can be selected together. */
export const MOST_SELECTED_ROWS = 10_000;

/** A single cell. */
export function selectCell(place: CellPlace): CellSelection {
  return { active: place, anchor: place };
}

/** The rectangle up to another cell, of at most {@link MOST_SELECTED_ROWS}. */
export function extendTo({ anchor }: CellSelection, { row, column }: CellPlace): CellSelection {
  // The header is no part of a rectangle.
  const start = { row: Math.max(0, anchor.row), column: anchor.column };
  const most = MOST_SELECTED_ROWS - 1;
  const end = Math.max(start.row - most, Math.min(start.row + most, Math.max(0, row)));
  return { anchor: start, active: { row: end, column } };
}

/** The area of a selection. */
export function areaOf({ active, anchor }: CellSelection): CellArea {
  return {
    firstRow: Math.min(active.row, anchor.row),
    lastRow: Math.max(active.row, anchor.row),
    firstColumn: Math.min(active.column, anchor.column),
    lastColumn: Math.max(active.column, anchor.column),
  };
}

/** Whether a cell is in an area. */
export function isInArea(area: CellArea, { row, column }: CellPlace): boolean {
  return (
    row >= area.firstRow && row <= area.lastRow && column >= area.firstColumn && column <= area.lastColumn
  );
}

/** The selection after a key; undefined where the key moves nothing. */
export function selectionAfter(
  selection: CellSelection,
  key: GridKey,
  size: GridSize,
): CellSelection | undefined {
  const place = placeAfter(selection.active, key, size);
  if (place === undefined) return undefined;
  return key.shiftKey && selection.active.row >= 0 ? extendTo(selection, place) : selectCell(place);
}

function placeAfter(
  { row, column }: CellPlace,
  { key, ctrlKey, metaKey }: GridKey,
  { rows, columns, page }: GridSize,
): CellPlace | undefined {
  const isFar = ctrlKey || metaKey;
  const at = (nextRow: number, nextColumn: number): CellPlace => ({
    row: Math.max(-1, Math.min(rows - 1, nextRow)),
    column: Math.max(0, Math.min(columns - 1, nextColumn)),
  });
  switch (key) {
    case 'ArrowUp':
      return at(isFar ? 0 : row - 1, column);
    case 'ArrowDown':
      return at(isFar ? rows - 1 : row + 1, column);
    case 'ArrowLeft':
      return at(row, isFar ? 0 : column - 1);
    case 'ArrowRight':
      return at(row, isFar ? columns - 1 : column + 1);
    case 'PageUp':
      return at(row < 0 ? row : Math.max(0, row - page), column);
    case 'PageDown':
      return at(row + page, column);
    case 'Home':
      return at(isFar || columns === 1 ? 0 : row, isFar ? column : 0);
    case 'End':
      return at(isFar || columns === 1 ? rows - 1 : row, isFar ? column : columns - 1);
    default:
      return undefined;
  }
}
