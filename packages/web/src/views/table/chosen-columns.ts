/** The columns that are shown: those of the link, else those that the browser remembers. */
import { computed } from '@preact/signals';
import { asksOthers } from '../../state/follow-hosts.js';
import { viewParameter } from '../../state/page-state.js';
import type { ChosenColumn } from './column-choice.js';
import { readColumns, resizeColumn, toggleColumn, USUAL_COLUMNS, writeColumns } from './column-choice.js';
import { readChoice, writeChoice } from './stored-choice.js';

const CHOICE = 'columns';
const parameter = viewParameter('columns', USUAL_COLUMNS);

/** The columns as the link says them. */
export const columnsText = parameter.value;

/** The columns. */
export const chosenColumns = computed(() => readColumns(parameter.value.value));

/**
 * A link without columns gets those that were used last, so that it says what is shown. Where answers are those of several hosts and none
 * were used yet, it gets the host, too.
 */
export function recallColumns(): void {
  const { value: others } = asksOthers;
  if (parameter.value.value !== USUAL_COLUMNS) return;
  const remembered =
    readChoice(CHOICE) ??
    (others ? writeColumns(toggleColumn(readColumns(USUAL_COLUMNS), 'host')) : undefined);
  if (remembered !== undefined) parameter.set(writeColumns(readColumns(remembered)), { replace: true });
}

function choose(columns: readonly ChosenColumn[]): void {
  const text = writeColumns(columns);
  parameter.set(text, { replace: true });
  writeChoice(CHOICE, text);
}

/** Shows a column, or hides it. */
export function toggleChosen(id: string): void {
  choose(toggleColumn(chosenColumns.value, id));
}

/** Makes a column wider, or narrower. */
export function resizeChosen(id: string, width: number): void {
  choose(resizeColumn(chosenColumns.value, id, width));
}

/** The usual columns. */
export function resetChosen(): void {
  choose(readColumns(USUAL_COLUMNS));
}
