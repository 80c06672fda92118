/** What is known of balancers: how they are now, and the log of how they were. */
import type { SeenBalancer, SeenBalancers } from '../wire/balancer-messages.js';
import type { BalancerLog } from './balancer-log.js';
import { FollowedBalancer } from './followed-balancer.js';
import type { LogLine, MinuteLine, StateLine } from './log-lines.js';
import { type BalancerChange, changesBetween } from './state-changes.js';
import type { Moved } from './traffic-sums.js';

/** A balancer as it is now, with its rates a second between the last two looks, in the order of its VIPs and reals. */
export interface BalancerNow {
  readonly state: SeenBalancer;
  readonly vipRates: readonly (Moved | undefined)[];
  readonly realRates: readonly (Moved | undefined)[];
}

/** A change with its time, milliseconds since 1970. */
export interface TimedChange extends BalancerChange {
  readonly at: number;
}

/** What VIPs and reals of a state moved in a span. */
export interface MovedSpan {
  readonly state: SeenBalancer;
  readonly line: MinuteLine;
}

/** A span, milliseconds since 1970. */
export interface MsSpan {
  readonly from: number;
  readonly to: number;
}

/** Follows the balancers of a host. */
export class BalancerHistory implements Disposable {
  readonly #log: BalancerLog;
  readonly #onProblem: (message: string) => void;
  readonly #balancers = new Map<string, FollowedBalancer>();
  #looked: number | undefined;

  /** Goes on with what the log has. */
  constructor(log: BalancerLog, onProblem: (message: string) => void) {
    this.#log = log;
    this.#onProblem = onProblem;
    try {
      for (const line of log.newestStates().values()) {
        if (line.state !== undefined) this.#balancers.set(line.name, new FollowedBalancer(line, line.state));
      }
    } catch (error) {
      onProblem(`what balancers did is not known: ${(error as Error).message}`);
    }
  }

  /** Whether there is a balancer, or was one in what is kept. */
  get isKnown(): boolean {
    return this.#balancers.size > 0 || this.#log.begins !== undefined;
  }

  /** When the log begins; undefined where it is empty. */
  get begins(): number | undefined {
    return this.#log.begins;
  }

  /** The last look; undefined where there was none since the start. */
  get looked(): number | undefined {
    return this.#looked;
  }

  /** The balancers as they are now. */
  get now(): BalancerNow[] {
    return [...this.#balancers.values()]
      .filter(({ isSeen }) => isSeen)
      .map(({ state, lastGrowth }) => {
        const rates = (moved: readonly (Moved | undefined)[] = []) =>
          moved.map((each) => each && perSecond(each, lastGrowth!.ms));
        return {
          state,
          vipRates: rates(lastGrowth?.growth.vips),
          realRates: rates(lastGrowth?.growth.reals),
        };
      });
  }

  /** Takes a look. */
  see({ at, balancers }: SeenBalancers): void {
    this.#looked = at;
    const before = this.#stateLines();
    const lines: LogLine[] = [];
    const names = new Set(balancers.map(({ name }) => name));
    for (const [name, balancer] of this.#balancers) {
      if (names.has(name)) continue;
      lines.push(...balancer.flush(), { kind: 'state', at, name, state: undefined });
      this.#balancers.delete(name);
    }
    for (const state of balancers) {
      const { name } = state;
      let balancer = this.#balancers.get(name);
      if (balancer === undefined) {
        balancer = new FollowedBalancer({ name, at }, state);
        this.#balancers.set(name, balancer);
        lines.push({ kind: 'state', at, name, state });
      }
      lines.push(...balancer.see(state, at));
    }
    this.#write(lines, before);
  }

  /** What was summed up is written. */
  [Symbol.dispose](): void {
    const lines = [...this.#balancers.values()].flatMap((balancer) => balancer.flush());
    this.#write(lines, this.#stateLines());
  }

  #stateLines(): StateLine[] {
    return [...this.#balancers.values()].map(({ stateLine }) => stateLine);
  }

  /** @param before The states before the lines, with which a new file begins */
  #write(lines: readonly LogLine[], before: readonly StateLine[]): void {
    try {
      this.#log.add(lines, before);
    } catch (error) {
      this.#onProblem(`what balancers did is not kept: ${(error as Error).message}`);
    }
  }

  /** The balancers as they were at a moment. */
  async at(moment: number, signal?: AbortSignal): Promise<SeenBalancer[]> {
    const states = new Map<string, SeenBalancer>();
    for await (const line of this.#log.read(moment, moment, signal)) {
      if (line.kind === 'minute') continue;
      if (line.state === undefined) states.delete(line.name);
      else states.set(line.name, line.state);
    }
    return [...states.values()];
  }

  /** What changed in a range, in order. */
  async *changes({ from, to }: MsSpan, signal?: AbortSignal): AsyncGenerator<TimedChange, void> {
    const states = new Map<string, SeenBalancer | undefined>();
    // A look may find a balancer that starts before it answers: what answers then has not done so before.
    const starting = new Set<string>();
    for await (const line of this.#log.read(from, to, signal)) {
      if (line.kind === 'minute') continue;
      const { name, at, state } = line;
      const before = states.get(name);
      if (line.kind === 'state' && at >= from) {
        if (before === undefined && state?.running === false) starting.add(name);
        const known = state?.running === true && starting.delete(name) ? undefined : before;
        for (const change of changesBetween(name, known, state)) yield { at, ...change };
      }
      states.set(name, state);
    }
  }

  /** What was moved in a range, in order, with the minute that is not over yet. */
  async *moved({ from, to }: MsSpan, signal?: AbortSignal): AsyncGenerator<MovedSpan, void> {
    const states = new Map<string, SeenBalancer | undefined>();
    // A span that reaches into the range may end behind it.
    for await (const line of this.#log.read(from, to + MINUTE_MS, signal)) {
      if (line.kind !== 'minute') {
        states.set(line.name, line.state);
        continue;
      }
      const state = states.get(line.name);
      if (state !== undefined && line.at > from && line.at - line.ms < to) yield { state, line };
    }
    for (const { pending, state } of this.#balancers.values()) {
      if (pending !== undefined && pending.at > from && pending.at - pending.ms < to)
        yield { state, line: pending };
    }
  }
}

const MINUTE_MS = 60_000;

function perSecond({ packets, bytes }: Moved, ms: number): Moved {
  return { packets: (packets * 1000) / ms, bytes: (bytes * 1000) / ms };
}
