/** Reads the ClickHouse of the configuration. */
import { UnreadableDatabaseError } from '@weir/history';
import type { ClickhouseHistory, NewestHour, ReadingFigures } from '@weir/history/clickhouse';
import { parseTarget } from '@weir/history/clickhouse/target';
import { clickhouseHistory } from '../api/clickhouse-history.js';
import type { ApiHistory } from '../api/history.js';
import type { ServeConfig } from '../config/serve-schema.js';

/** A ClickHouse that is read. */
export interface Reading extends AsyncDisposable {
  readonly history: ApiHistory;
  readonly status: ClickhouseHistory['status'];
  /** What was asked so far. */
  readonly figures: ReadingFigures;
  /** Up to when each host has rows. @throws HistoryError */
  newestHours(): Promise<readonly NewestHour[]>;
}

const LOOK_MS = 30_000;
const CHECK_MS = 10_000;

/** Loads what reading needs, as most servers need none: before a process becomes a user who may not read it. */
export function loadReading(): Promise<typeof import('@weir/history/clickhouse')> {
  return import('@weir/history/clickhouse');
}

/**
 * Starts reading. A database that cannot be reached is tried again.
 *
 * @param say Reports when something begins to fail, and when it works again.
 * @throws UnreadableDatabaseError where the database has answered, and another configuration is needed
 */
export async function startReading(
  { url, passwordFile, ca }: NonNullable<ServeConfig['read']>,
  say: (message: string) => void,
): Promise<Reading> {
  const { ClickhouseHistory, clickhouseDialect } = await loadReading();
  const history = new ClickhouseHistory({
    target: parseTarget(url),
    access: { ...(passwordFile !== undefined && { passwordFile }), ...(ca !== undefined && { caFile: ca }) },
  });
  let watermark: bigint | undefined;
  let said: string | undefined;
  const look = async () => {
    watermark = await history.watermark({ timeLimitMs: CHECK_MS });
    if (said !== undefined) say(`${history.status.target} is read again`);
    said = undefined;
  };
  const failed = ({ message }: Error) => {
    if (message !== said) say(`${message}; it is tried again`);
    said = message;
  };
  try {
    await look();
  } catch (error) {
    if (error instanceof UnreadableDatabaseError) {
      await history[Symbol.asyncDispose]();
      throw error;
    }
    failed(error as Error);
  }
  const timer = setInterval(() => void look().catch(failed), LOOK_MS);
  return {
    history: clickhouseHistory(history, clickhouseDialect, () => watermark),
    get status() {
      return history.status;
    },
    get figures() {
      return history.figures;
    },
    newestHours: () => history.newestHours({ timeLimitMs: CHECK_MS }),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await history[Symbol.asyncDispose]();
    },
  };
}
