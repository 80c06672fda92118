/** Programs that compress: minutes on an idle machine, and the better part of an hour on a busy one. */

import { type CommandOptions, run } from '@weir/lab';

const timeoutMs = 3 * 3_600_000;

/** Runs a program that compresses what is published. @throws Error with what it says. */
export async function runCompressor(
  program: string,
  args: readonly string[],
  options: Pick<CommandOptions, 'env'> = {},
): Promise<void> {
  await run(program, args, { ...options, timeoutMs });
}
