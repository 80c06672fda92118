/** Rows of the history as answers show them: with the fields of records. Pure. */
import type { Answer, Coverage, OpenConnection } from '@weir/history/query';
import { endRecord, intervalRecord, lossRecord, openRecord, timeText } from '@weir/history/rows';
import type { EndRow, IntervalRow, LossRow } from '@weir/history/schema';
import type { z } from 'zod';
import type { Range } from './history.js';
import type { endJson, intervalJson, lossJson, openJson } from './schemas/values.js';

/** A range of time as text. */
export function rangeJsonOf({ from, to }: Range) {
  return { from: timeText(from), to: timeText(to) };
}

/** What every answer says about its range. */
export function coverageOf(answer: Answer<unknown> | (Coverage & { range: Range })) {
  const { range, losses, unrecorded, incomplete } = answer;
  return {
    range: rangeJsonOf(range),
    losses: losses.map(lossOf),
    unrecorded: unrecorded.map(rangeJsonOf),
    ...(incomplete !== undefined && { incomplete: incomplete.map((each) => ({ ...each })) }),
  };
}

/** A loss. */
export function lossOf(row: LossRow): z.input<typeof lossJson> {
  return lossRecord(row);
}

/** A connection that ended, as `weir trace --json` shows it. */
export function endOf(row: EndRow): z.input<typeof endJson> {
  return endRecord(row) as z.input<typeof endJson>;
}

/** A connection that was open. */
export function openOf(row: OpenConnection): z.input<typeof openJson> {
  return openRecord(row) as z.input<typeof openJson>;
}

/** What an end of a connection moved in a span. */
export function intervalOf(row: IntervalRow): z.input<typeof intervalJson> {
  return intervalRecord(row) as z.input<typeof intervalJson>;
}
