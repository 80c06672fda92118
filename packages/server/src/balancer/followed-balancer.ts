/** One balancer from look to look: the lines of the log that say how it was, and what it moved. Pure. */
import type { SeenBalancer } from '../wire/balancer-messages.js';
import type { LogLine, MinuteLine, StateLine } from './log-lines.js';
import { shapeOf } from './state-changes.js';
import { addTo, type Growth, growthOf } from './traffic-sums.js';

const MINUTE_MS = 60_000;
/** Counters of a balancer that was not looked at for longer do not say when they grew. */
const MOST_GAP_MS = 3 * MINUTE_MS;

/** A balancer that is looked at. */
export class FollowedBalancer {
  readonly name: string;
  #state: SeenBalancer;
  /** When the log's state began, milliseconds since 1970. */
  #since: number;
  #shape: string;
  /** The last look; undefined: there was none since the start of this process. */
  #looked: number | undefined;
  #growth: Growth | undefined;
  #growthMs = 0;
  #sumsFrom: number;
  #vips: number[] = [];
  #reals: number[] = [];

  /** Goes on with what the log says. */
  constructor({ name, at }: Pick<StateLine, 'name' | 'at'>, state: SeenBalancer) {
    this.name = name;
    this.#state = state;
    this.#since = at;
    this.#sumsFrom = at;
    this.#shape = shapeOf(state);
  }

  /** How it was at the last look. */
  get state(): SeenBalancer {
    return this.#state;
  }

  /** Whether it was looked at since the start of this process. */
  get isSeen(): boolean {
    return this.#looked !== undefined;
  }

  /** The state that the log has. */
  get stateLine(): StateLine {
    return { kind: 'state', at: this.#since, name: this.name, state: this.#state };
  }

  /** What it moved between the last two looks; undefined where there are no two. */
  get lastGrowth(): { readonly growth: Growth; readonly ms: number } | undefined {
    return this.#growth && { growth: this.#growth, ms: this.#growthMs };
  }

  /** What it moved since the last line. */
  get pending(): MinuteLine | undefined {
    const ms = (this.#looked ?? 0) - this.#sumsFrom;
    if (!this.#state.running || ms <= 0) return undefined;
    const [vips, reals] = [[...this.#vips], [...this.#reals]];
    return { kind: 'minute', at: this.#looked!, name: this.name, ms, vips, reals };
  }

  /** A look. @returns lines for the log */
  see(state: SeenBalancer, at: number): LogLine[] {
    const lines: LogLine[] = [];
    const shape = shapeOf(state);
    // Sums are of the VIPs and reals of one state.
    if (shape !== this.#shape) lines.push(...this.flush(), { kind: 'state', at, name: this.name, state });
    const ms = this.#looked === undefined ? 0 : at - this.#looked;
    const isNext = state.running && this.#state.running && ms > 0 && ms <= MOST_GAP_MS;
    this.#growth = isNext ? growthOf(this.#state, state) : undefined;
    this.#growthMs = ms;
    if (!isNext) this.#restart(at);
    if (this.#growth !== undefined) {
      addTo(this.#vips, this.#growth.vips);
      addTo(this.#reals, this.#growth.reals);
    }
    if (shape !== this.#shape) this.#since = at;
    this.#shape = shape;
    this.#state = state;
    this.#looked = at;
    if (Math.floor(at / MINUTE_MS) !== Math.floor(this.#sumsFrom / MINUTE_MS)) lines.push(...this.flush());
    return lines;
  }

  /** What was summed up, as a line; the sums begin anew. */
  flush(): MinuteLine[] {
    const { pending } = this;
    if (pending === undefined) return [];
    this.#restart(pending.at);
    return [pending];
  }

  #restart(at: number): void {
    this.#sumsFrom = at;
    this.#vips = [];
    this.#reals = [];
  }
}
