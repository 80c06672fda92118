/** Follows the source of one VIP's reals. */
import type { RealConfig, VipConfig } from '../config/schema.js';
import { kindOf, type SourceConfig, type SourceKind, sourceLabel } from '../config/source-schema.js';
import type { Clock } from '../health/clock.js';
import { type FoundReal, MOST_FOUND, usableReals } from './found-real.js';
import type { openSource } from './open-source.js';
import {
  afterAnswer,
  afterDue,
  knownReals,
  nextDue,
  noReals,
  pendingCount,
  type RealChanges,
  realsOf,
} from './real-changes.js';
import type { Source, SourceEvents } from './source.js';

/** What is known of a source. */
export interface SourceStatus {
  readonly kind: SourceKind;
  /** The kind and the name that is asked for, such as `dns web.example`. */
  readonly source: string;
  /** `waiting`: it has not answered yet. `gone`: it does not answer, and the reals that were known last stay. */
  readonly state: 'waiting' | 'answers' | 'gone';
  /** When it last answered, RFC 3339. */
  readonly answered?: string;
  /** Since when it is gone, RFC 3339. */
  readonly goneSince?: string;
  /** What is wrong. */
  readonly error?: string;
  /** How often it did not answer, or not as it should. */
  readonly failures: number;
  /** Number of reals in its last answer that the VIP can use. */
  readonly found: number;
  /** Number of those that it cannot use. */
  readonly skipped: number;
  /** Why not, for the first of them. */
  readonly skippedReason?: string;
  /** Number of differences that do not count yet. */
  readonly pending: number;
}

/** Who is interested in a source. */
export interface FollowerHost {
  readonly clock: Clock;
  /** Follows a source. Tests replace it. */
  readonly open: typeof openSource;
  /** The reals that count may have changed, or there is a first answer or failure. */
  onChange(): void;
  log(line: string): void;
}

/** Error texts may be those of another side. */
const MOST_TEXT = 300;

/** Follows a source until it is disposed of. */
export class SourceFollower implements Disposable, SourceEvents {
  readonly #vip: VipConfig;
  readonly #config: SourceConfig;
  readonly #host: FollowerHost;
  readonly #source: Source | undefined;
  /** What was found, for a VIP that changes. */
  #found: readonly FoundReal[] | undefined;
  #changes: RealChanges = noReals;
  #status: SourceStatus;
  #cancel: () => void = () => {};
  #refused: string | undefined;

  /** @param known What is known from before, of the same source. */
  constructor(vip: VipConfig, config: SourceConfig, host: FollowerHost, known?: readonly FoundReal[]) {
    this.#vip = vip;
    this.#config = config;
    this.#host = host;
    this.#status = {
      ...{ kind: kindOf(config), source: sourceLabel(config), state: 'waiting' },
      ...{ failures: 0, found: 0, skipped: 0, pending: 0 },
    };
    const usable = known === undefined ? [] : usableReals(vip, config, known).reals;
    if (known !== undefined && usable.length > 0) {
      this.#found = known;
      this.#changes = knownReals(usable);
    }
    try {
      this.#source = host.open(vip, config, this);
    } catch (error) {
      this.fails(error as Error);
    }
  }

  /** The reals that count; undefined where nothing is known. */
  get reals(): RealConfig[] | undefined {
    return realsOf(this.#changes);
  }

  /** Whether there was an answer or a failure, or something is known from before. */
  get isReady(): boolean {
    return this.#status.state !== 'waiting' || this.#changes.counting !== undefined;
  }

  /** What was found, and still counts. */
  get found(): readonly FoundReal[] | undefined {
    return (
      this.reals?.map(({ address, port, weight }) => ({
        address,
        weight,
        ...(port !== undefined && { port }),
      })) ?? this.#found
    );
  }

  /** The status. */
  get status(): SourceStatus {
    const error = this.#status.error ?? this.#refused;
    return { ...this.#status, pending: pendingCount(this.#changes), ...(error !== undefined && { error }) };
  }

  /** The balancer refuses what was found, and goes on with what it had. Undefined: it does not any more. */
  refused(message: string | undefined): void {
    const text = message === undefined ? undefined : `refused: ${message.slice(0, MOST_TEXT)}`;
    if (text !== undefined && text !== this.#refused) this.#log(text);
    this.#refused = text;
  }

  /** @internal */
  answer(found: readonly FoundReal[]): boolean {
    try {
      this.#answer(found);
      return true;
    } catch (error) {
      this.fails(error as Error);
      return false;
    }
  }

  /** @throws Error for an answer that does not count */
  #answer(found: readonly FoundReal[]): void {
    if (found.length > MOST_FOUND)
      throw new Error(`it names ${found.length} reals, which is more than ${MOST_FOUND}`);
    const { reals, skipped, why } = usableReals(this.#vip, this.#config, found);
    this.#count(reals.length, skipped, why);
    if (reals.length === 0 && !this.#config.allowEmpty)
      throw new Error(why === undefined ? 'it names no real' : `none of its reals can be used: ${why}`);
    const { goneSince: _, error: __, ...status } = this.#status;
    if (status.state === 'gone') this.#log('answers again');
    this.#status = { ...status, state: 'answers', answered: new Date().toISOString() };
    this.#found = found;
    this.#changes = afterAnswer(this.#changes, reals, this.#host.clock.now());
    this.#plan();
    this.#host.onChange();
  }

  #count(found: number, skipped: number, why: string | undefined): void {
    const { skippedReason, ...status } = this.#status;
    if (why !== undefined && why !== skippedReason) this.#log(`${skipped} left out: ${why}`);
    this.#status = { ...status, found, skipped, ...(why !== undefined && { skippedReason: why }) };
  }

  /** @internal */
  unchanged(): void {
    if (this.#status.state === 'answers')
      this.#status = { ...this.#status, answered: new Date().toISOString() };
  }

  /** @internal */
  fails({ message }: Error): void {
    const text = message.replaceAll(/\s+/g, ' ').slice(0, MOST_TEXT);
    const { state, goneSince = new Date().toISOString(), error, failures } = this.#status;
    if (state !== 'gone' || error !== text) this.#log(`${text}; ${this.#remains()}`);
    this.#status = { ...this.#status, state: 'gone', goneSince, error: text, failures: failures + 1 };
    if (state !== 'gone') this.#host.onChange();
  }

  [Symbol.dispose](): void {
    this.#cancel();
    this.#source?.[Symbol.dispose]();
  }

  #remains(): string {
    return this.#changes.counting === undefined
      ? 'the VIP is not served before it does'
      : 'the reals known last stay';
  }

  #log(text: string): void {
    this.#host.log(`${this.#vip.name}: reals from ${sourceLabel(this.#config)}: ${text}`);
  }

  /** Has what is due count at its time. */
  #plan(): void {
    this.#cancel();
    const { clock } = this.#host;
    const due = nextDue(this.#changes, this.#config);
    if (due === undefined) return;
    this.#cancel = clock.after(Math.max(0, due - clock.now()), () => {
      this.#changes = afterDue(this.#changes, this.#config, clock.now());
      this.#plan();
      this.#host.onChange();
    });
  }
}
