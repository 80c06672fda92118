/** The range with which the page's range is compared. Pure. */

import type { Span } from '../../chart/steps.js';
import { rangeBetween } from '../../time/range-text.js';

/** A range that is offered by name. */
export interface AgainstChoice {
  readonly name: string;
  readonly title: string;
}

/** What is offered; a link may have any other range. */
export const againstChoices: readonly AgainstChoice[] = [
  { name: 'before', title: 'The range before' },
  { name: 'yesterday', title: 'The day before' },
  { name: 'week', title: 'The week before' },
];

const DAY_MS = 86_400_000;
const backMs: Readonly<Record<string, number>> = { yesterday: DAY_MS, week: 7 * DAY_MS };

/** The range as the API reads it. @param choice A name, or a range */
export function againstRange(choice: string, { from, to }: Span): string {
  const length = to - from;
  const unit = choice === 'before' ? length : backMs[choice];
  if (unit === undefined) return choice;
  // A longer range is compared with one that it does not reach into.
  const back = unit * Math.max(1, Math.ceil(length / unit));
  return rangeBetween(from - back, to - back);
}
