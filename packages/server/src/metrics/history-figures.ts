/** What the history has and has lost, for metrics. It is asked now and then, and no scrape waits for long. */
import type { HistoryReader, StoreStatus } from '@weir/history';

/** What was lost in a place since the server began. */
export interface PlaceLosses {
  /** Rows about losses. */
  losses: number;
  /** Records of which it is known how many were lost. */
  records: number;
}

/** What is asked. */
export interface AskedHistory extends Pick<HistoryReader, 'read'> {
  status(): Promise<StoreStatus>;
}

const FRESH_MS = 10_000;
const WAIT_MS = 2_000;

/** Figures of the history. */
export class HistoryFigures {
  readonly #history: AskedHistory;
  readonly #freshMs: number;
  readonly #onProblem: (message: string) => void;
  readonly #lost = new Map<string, PlaceLosses>();
  /** What the table had at the last look. Retention removes rows there, but a counter does not go back. */
  #seen: ReadonlyMap<string, PlaceLosses> | undefined;
  #status: StoreStatus | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  /**
   * @param onProblem Called with the reason when the history cannot be asked.
   * @param freshMs For how long an answer is good enough.
   */
  constructor(history: AskedHistory, onProblem: (message: string) => void, freshMs = FRESH_MS) {
    this.#history = history;
    this.#freshMs = freshMs;
    this.#onProblem = onProblem;
  }

  /** The last status; undefined before the first one. */
  get status(): StoreStatus | undefined {
    return this.#status;
  }

  /** Losses by place. */
  get lost(): ReadonlyMap<string, PlaceLosses> {
    return this.#lost;
  }

  /** Asks anew where the last time is long ago. What takes long goes on without the caller. */
  async refresh(): Promise<void> {
    if (performance.now() - this.#askedMs >= this.#freshMs) this.#asking ??= this.#ask();
    if (this.#asking === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, WAIT_MS);
    });
    await Promise.race([this.#asking, late]);
    clearTimeout(timer);
  }

  async #ask(): Promise<void> {
    try {
      this.#status = await this.#history.status();
      this.#count(await this.#history.read(lossesByPlace));
      this.#askedMs = performance.now();
    } catch (error) {
      this.#onProblem(`metrics lack what the history has: ${(error as Error).message}`);
    } finally {
      this.#asking = undefined;
    }
  }

  #count(now: ReadonlyMap<string, PlaceLosses>): void {
    for (const [place, { losses, records }] of this.#seen === undefined ? [] : now) {
      const before = this.#seen?.get(place) ?? { losses: 0, records: 0 };
      const sum = this.#lost.get(place) ?? { losses: 0, records: 0 };
      sum.losses += Math.max(0, losses - before.losses);
      sum.records += Math.max(0, records - before.records);
      this.#lost.set(place, sum);
    }
    this.#seen = now;
  }
}

type Read = Parameters<Parameters<HistoryReader['read']>[0]>[0];

async function lossesByPlace(session: Read): Promise<Map<string, PlaceLosses>> {
  const rows = await session.query(
    `SELECT place, count(*), coalesce(sum("count"), 0)::DOUBLE FROM ${session.source('losses')} GROUP BY place`,
  );
  return new Map(
    rows.map(([place, losses, records]) => [
      String(place),
      { losses: Number(losses), records: Number(records) },
    ]),
  );
}
