/**
 * Times as people write them.
 *
 * @module @weir/ebpf/duration
 */

import { OptionError } from './errors.js';

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };
/** The longest time that one timer of Node.js takes. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Reads `500ms`, `10s`, `1.5m` or `2h`. A number alone is seconds, as for sleep(1).
 *
 * @returns Milliseconds, at least 1 and no more than a timer of Node.js takes (596 hours).
 * @throws OptionError for any other text.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new OptionError('expected a time such as 500ms, 10s, 2m or 1h');
  const duration = Math.round(Number(match[1]) * milliseconds[match[2] ?? 's']!);
  if (duration < 1 || duration > LONGEST_MS) throw new OptionError('expected a time from 1ms to 596h');
  return duration;
}
