/** Whether a server knows what Weir asks of it. */
import { HistoryError } from '../errors.js';
import type { ClickhouseConnection } from './clickhouse-connection.js';

/** The first with `insert_deduplication_token`. */
const LEAST = { major: 22, minor: 2 };

/**
 * Asks for the version in a way that every server answers.
 *
 * @throws HistoryError for one that is too old; ClickHouseError, Error of the network
 */
export async function checkServerVersion(connection: ClickhouseConnection): Promise<void> {
  const version = await connection.serverVersion();
  const [major = 0, minor = 0] = version.split('.').map(Number);
  // What has another numbering says by its errors what it does not know.
  if (major < LEAST.major || (major === LEAST.major && minor < LEAST.minor))
    throw new HistoryError(
      `version ${version} is too old: Weir needs ClickHouse ${LEAST.major}.${LEAST.minor} or later`,
    );
}
