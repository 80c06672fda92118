/** Committing without a thread that spins. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import bindings, { type PendingResult } from '@duckdb/node-bindings';

/** The first wait, and the longest one; each is twice the one before. Milliseconds. */
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 32;

/**
 * Commits. The thread of DuckDB that a statement is handed to and the one that waits for it are two, and the latter asks without end
 * whether it is done: half of the CPU time. So it is asked now and then from here, as long as the former is there for this.
 *
 * @param isFree Whether DuckDB has a thread that does nothing else: one that is busy would leave the statement to the one that waits.
 */
export async function commit(connection: DuckDBConnection, isFree: () => boolean): Promise<void> {
  if (!isFree()) {
    await connection.run('COMMIT');
    return;
  }
  const statement = await connection.prepare('COMMIT');
  try {
    const pending = statement.start();
    const { pending_result: handle } = pending as unknown as { readonly pending_result: PendingResult };
    for (let waitMs = FIRST_WAIT_MS; isFree(); waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      await sleep(waitMs);
      if (bindings.pending_execution_is_finished(bindings.pending_execute_check_state(handle))) break;
    }
    const error = bindings.pending_error(handle);
    // What the result would throw speaks of a closed query first.
    if (error !== '') throw new Error(error);
    await pending.getResult();
  } finally {
    statement.destroySync();
  }
}
