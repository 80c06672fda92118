/** What the processes of `weir serve` have in common. */
import { fileURLToPath } from 'node:url';
import { type FormatError, OptionError } from '@weir/ebpf/errors';
import { ServerRefusedError } from '@weir/server/serve';
import { FilterError } from '@weir/tracer/filter';
import { ExitCode, FileProblems, UsageError } from '../failure.js';
import type { RunHost } from '../run-host.js';

/** The time that lines on standard error have to be read once everything else is done. */
const LAST_LINES_MS = 1000;

/** Ends the process though nobody reads its last lines, as where a journal hangs. */
export function endWithoutReader(host: RunHost): void {
  setTimeout(() => host.exit(Number(process.exitCode ?? ExitCode.failed)), LAST_LINES_MS).unref();
}

/** Where the files of the page are. */
export function pageFolder(): string {
  return fileURLToPath(new URL('dist/page/', import.meta.resolve('@weir/web/package.json')));
}

/**
 * Has users' mistakes reported as such.
 *
 * @param more Classes of errors that are the user's to mend, besides the usual ones.
 */
export async function explained(
  promise: Promise<void>,
  more: readonly (typeof FormatError)[] = [],
): Promise<void> {
  try {
    await promise;
  } catch (error) {
    // It has said why.
    if (error instanceof ServerRefusedError) throw new FileProblems([], { cause: error });
    const isUsers = [OptionError, FilterError, ...more].some((kind) => error instanceof kind);
    if (isUsers) throw new UsageError((error as Error).message, { cause: error });
    throw error;
  }
}
