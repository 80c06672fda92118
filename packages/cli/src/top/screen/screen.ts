/** Puts the whole screen together as lines. Pure: the same state and frame give the same lines. */
import type { EndedConnection } from '@weir/tracer';
import type { Paint } from '../../text/colour.js';
import type { Enrichment } from '../model/enrichment.js';
import type { Frame } from '../model/frame.js';
import type { History } from '../model/history.js';
import type { Sheet } from '../table/views.js';
import { tableLines } from './body.js';
import { detailsLines } from './connection-details.js';
import { footerLine } from './footer.js';
import { headerLines } from './header.js';
import { helpLines } from './help.js';
import { cursorOf } from './keys.js';
import type { State } from './state.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface ScreenInput {
  readonly state: State;
  readonly frame: Frame;
  readonly sheet: Sheet;
  readonly enrichment: Enrichment;
  readonly paint: Paint;
  /** Recent rates of the connection whose details are shown. */
  readonly history: History | undefined;
  readonly ending: EndedConnection | undefined;
}

/** Lines as wide as the terminal at most, and as many as it has rows. */
export function screenLines(input: ScreenInput, size: Size): string[] {
  const { state, frame, sheet, paint } = input;
  const header = headerLines(state, frame, sheet.size, size.columns, paint);
  const room = size.rows - header.length - 1;
  // The terminal is too low for anything but the table.
  if (room < 2) return body(input, size.columns, size.rows);
  const lines = [...header, ...body(input, size.columns, room)];
  while (lines.length < size.rows - 1) lines.push('');
  return [...lines, footerLine(state, size.columns, paint)];
}

/** Rows of the table on a screen of this size. */
export function pageRows(input: ScreenInput, size: Size): number {
  const { state, frame, sheet, paint } = input;
  const header = headerLines(state, frame, sheet.size, size.columns, paint).length;
  return Math.max(1, size.rows - header - 2);
}

function body(input: ScreenInput, width: number, rows: number): string[] {
  const { state, frame, sheet, paint } = input;
  if (state.mode === 'help') return helpLines(width, rows, state.isPast);
  if (state.mode === 'details') return details(input, width).slice(0, rows);
  if (state.view === 'listening' && frame.sockets === undefined)
    return ['', ' Sockets that listen are not recorded.'];
  const cursor = cursorOf(state, sheet);
  const count = Math.max(1, rows - 1);
  const first = Math.min(Math.floor(cursor / count) * count, Math.max(0, sheet.size - count));
  const sort = state.sorts[state.view];
  return tableLines(sheet, { width, first, rows: count, sort, paint, cursor }).slice(0, rows);
}

function details({ state, frame, enrichment, history, ending, paint }: ScreenInput, width: number): string[] {
  const live = frame.connections.find(({ id }) => id === state.connectionId);
  return detailsLines(
    {
      connection: live ?? ending?.connection,
      ending: live === undefined ? ending : undefined,
      history,
      enrichment,
      nowNs: frame.nowNs,
      isPast: frame.past !== undefined,
      paint,
    },
    width,
  );
}
