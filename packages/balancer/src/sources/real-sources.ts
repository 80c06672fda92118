/** The sources of all VIPs of a configuration. */
import { isDeepStrictEqual } from 'node:util';
import type { Config, RealConfig, VipConfig } from '../config/schema.js';
import type { SourceConfig } from '../config/source-schema.js';
import { type Clock, realClock } from '../health/clock.js';
import { type Service, serviceName } from '../service.js';
import type { FoundReal } from './found-real.js';
import { openSource } from './open-source.js';
import { SourceFollower, type SourceStatus } from './source-follower.js';

/** What a source named last, for the next control plane. */
export interface SavedSource {
  readonly service: Service;
  /** What was asked: another source's reals do not count. */
  readonly from: SourceConfig['from'];
  readonly reals: readonly FoundReal[];
}

/** A source's status, with its VIP. */
export interface ServiceSource {
  readonly service: Service;
  readonly status: SourceStatus;
}

/** Options of {@link RealSources}. */
export interface RealSourcesOptions {
  /** What counts may have changed. */
  onChange(): void;
  log(line: string): void;
  /** Default: the process's own clock. */
  readonly clock?: Clock;
  /** Default: the network and files. */
  readonly open?: typeof openSource;
}

/** Sources of another configuration, which are followed beside the present ones until it is in force. */
export interface PreparedSources {
  /** The configuration with the reals that are known. */
  readonly config: Config;
  /** Ends the sources that are no longer needed. */
  commit(): void;
  /** Ends the new ones. */
  rollback(): void;
}

interface Followed {
  readonly vip: VipConfig;
  readonly follower: SourceFollower;
}

/** Follows sources until it is disposed of. */
export class RealSources implements Disposable {
  readonly #options: RealSourcesOptions;
  #followed: ReadonlyMap<string, Followed> = new Map();
  readonly #waiting = new Set<() => void>();

  constructor(options: RealSourcesOptions) {
    this.#options = options;
  }

  /**
   * Follows the sources of a configuration, and waits for their first answers or failures.
   *
   * @param saved What an earlier process knew.
   * @param waitMs The longest wait.
   */
  async prepare(
    config: Config,
    waitMs: number,
    saved: readonly SavedSource[] = [],
  ): Promise<PreparedSources> {
    const before = this.#followed;
    const next = new Map<string, Followed>();
    const made: SourceFollower[] = [];
    for (const vip of config.vips) {
      if (vip.source === undefined) continue;
      const name = serviceName(vip);
      const earlier = before.get(name);
      if (earlier !== undefined && isSameSource(earlier.vip, vip)) {
        next.set(name, { vip, follower: earlier.follower });
        continue;
      }
      const follower = this.#follow(vip, vip.source, knownOf(vip, earlier, saved));
      made.push(follower);
      next.set(name, { vip, follower });
    }
    await this.#ready(made, waitMs);
    const kept = new Set([...next.values()].map(({ follower }) => follower));
    return {
      config: withReals(config, next),
      commit: () => {
        this.#followed = next;
        for (const { follower } of before.values()) if (!kept.has(follower)) follower[Symbol.dispose]();
      },
      rollback: () => {
        for (const follower of made) follower[Symbol.dispose]();
      },
    };
  }

  /** The reals of a VIP that count; undefined where nothing is known, or they come from no source. */
  reals(vip: VipConfig): RealConfig[] | undefined {
    return this.#followed.get(serviceName(vip))?.follower.reals;
  }

  /** The balancer refuses what is known of a VIP; undefined: it does not any more. */
  refused(vip: VipConfig, message: string | undefined): void {
    this.#followed.get(serviceName(vip))?.follower.refused(message);
  }

  /** The source of a VIP. */
  status(vip: Service): SourceStatus | undefined {
    return this.#followed.get(serviceName(vip))?.follower.status;
  }

  /** All sources. */
  statuses(): ServiceSource[] {
    return [...this.#followed.values()].map(({ vip: { address, port, protocol }, follower }) => ({
      service: { address, port, protocol },
      status: follower.status,
    }));
  }

  /** What the next control plane needs. */
  saved(): SavedSource[] {
    return [...this.#followed.values()].flatMap(({ vip: { address, port, protocol, source }, follower }) => {
      const { found } = follower;
      if (found === undefined || source === undefined) return [];
      return [{ service: { address, port, protocol }, from: source.from, reals: found }];
    });
  }

  [Symbol.dispose](): void {
    for (const { follower } of this.#followed.values()) follower[Symbol.dispose]();
  }

  #follow(vip: VipConfig, source: SourceConfig, known: readonly FoundReal[] | undefined): SourceFollower {
    const { clock = realClock, open = openSource, log } = this.#options;
    const onChange = () => {
      for (const look of this.#waiting) look();
      this.#options.onChange();
    };
    return new SourceFollower(vip, source, { clock, open, log, onChange }, known);
  }

  #ready(followers: readonly SourceFollower[], waitMs: number): Promise<void> {
    const { clock = realClock } = this.#options;
    return new Promise((resolve) => {
      const look = () => {
        if (!followers.every(({ isReady }) => isReady)) return;
        end();
      };
      const end = () => {
        cancel();
        this.#waiting.delete(look);
        resolve();
      };
      const cancel = clock.after(waitMs, end);
      this.#waiting.add(look);
      look();
    });
  }
}

/** A configuration with the reals that sources have named. */
function withReals(config: Config, followed: ReadonlyMap<string, Followed>): Config {
  return {
    ...config,
    vips: config.vips.map((vip) => {
      const known = followed.get(serviceName(vip))?.follower.reals;
      return known === undefined ? vip : { ...vip, reals: known };
    }),
  };
}

/** Whether a source's reals mean the same for both VIPs. */
function isSameSource(a: VipConfig, b: VipConfig): boolean {
  return a.forwarding === b.forwarding && a.name === b.name && isDeepStrictEqual(a.source, b.source);
}

function knownOf(
  vip: VipConfig,
  earlier: Followed | undefined,
  saved: readonly SavedSource[],
): readonly FoundReal[] | undefined {
  if (isDeepStrictEqual(earlier?.vip.source?.from, vip.source?.from)) return earlier?.follower.found;
  const found = saved.find(({ service }) => serviceName(service) === serviceName(vip));
  // The file has JSON, in which nothing is undefined.
  return found !== undefined && isDeepStrictEqual(found.from, JSON.parse(JSON.stringify(vip.source?.from)))
    ? found.reals
    : undefined;
}
