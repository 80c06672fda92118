/** Arguments, filter, output and end of all examples. */
import { parseArgs } from 'node:util';
import type { TraceFilter } from '@weir/tracer';

const { values, positionals } = parseArgs({ options: { netns: { type: 'string' } }, allowPositionals: true });

/** Arguments that are no options. */
export const args = positionals;

/** `--netns INODE`: only this network namespace. */
export const filter: TraceFilter = values.netns === undefined ? {} : { netns: [Number(values.netns)] };

/** Names and command lines are whatever a process likes: nothing in them shall act on a terminal. */
export function printable(text = '-'): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, '?');
}

/** Calls `end` on Ctrl-C and SIGTERM. */
export function onInterrupt(end: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
}
