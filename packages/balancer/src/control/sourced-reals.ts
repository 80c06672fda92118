/** What sources have named, in the configuration of a running balancer. */
import { isDeepStrictEqual } from 'node:util';
import { OptionError } from '@weir/ebpf';
import { configProblems } from '../config/parse.js';
import type { Config, RealConfig, VipConfig } from '../config/schema.js';
import { realKey } from '../service.js';
import type { RealSources } from '../sources/real-sources.js';

/** Reals of a VIP that are others than before. */
export interface RealsChange {
  readonly reals: readonly RealConfig[];
  /** What is different: `reals 10.0.0.3 added; 10.0.0.1 drained`. */
  readonly text: string;
}

/** More reals are only counted. */
const MOST_NAMED = 10;

/** The difference to what a source has named; undefined if there is none, or nothing is known. */
export function changedReals(
  { reals: before }: VipConfig,
  reals: readonly RealConfig[] | undefined,
): RealsChange | undefined {
  if (reals === undefined || isDeepStrictEqual(before, reals)) return undefined;
  const old = new Map(before.map((real) => [realKey(real), real]));
  const now = new Map(reals.map((real) => [realKey(real), real]));
  const changed = reals.filter((real) => (old.get(realKey(real))?.weight ?? real.weight) !== real.weight);
  const parts = [
    { verb: 'added', reals: reals.filter((real) => !old.has(realKey(real))) },
    { verb: 'with another weight', reals: changed.filter(({ weight }) => weight > 0) },
    { verb: 'drained', reals: changed.filter(({ weight }) => weight === 0) },
    { verb: 'removed', reals: before.filter((real) => !now.has(realKey(real))) },
  ];
  const texts = parts
    .filter((part) => part.reals.length > 0)
    .map(({ verb, reals: some }) => `${named(some)} ${verb}`);
  return { reals, text: `reals ${texts.length === 0 ? 'in another order' : texts.join('; ')}` };
}

function named(reals: readonly RealConfig[]): string {
  const names = reals.slice(0, MOST_NAMED).map(({ name }) => name);
  const more = reals.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** A configuration with other reals of some VIPs. */
function replaceReals(config: Config, changes: ReadonlyMap<VipConfig, RealsChange>): Config {
  const changed = (vip: VipConfig) => {
    const change = changes.get(vip);
    return change === undefined ? vip : { ...vip, reals: [...change.reals] };
  };
  return { ...config, vips: config.vips.map(changed) };
}

/** What sources name must fit the rest, as what a file has must. @throws OptionError */
export function refuseProblems(config: Config): void {
  const [problem, ...more] = configProblems(config);
  if (problem === undefined) return;
  throw new OptionError(more.length === 0 ? problem : `${problem} (and ${more.length} more)`);
}

/** The balancer that follows sources. */
export interface FollowingBalancer {
  /** The configuration in force. */
  config(): Config;
  /** Goes over to another one, or stays as it is. @throws OptionError, EbpfError */
  apply(config: Config): void;
  log(line: string): void;
}

/**
 * Has a balancer follow what sources have named: all changes at once, and where that is refused each VIP by itself, since what one
 * source names must not keep others from changing.
 *
 * @returns Whether anything has changed.
 */
export function followSources(
  sources: Pick<RealSources, 'reals' | 'refused'>,
  balancer: FollowingBalancer,
): boolean {
  const changes = new Map<VipConfig, RealsChange>();
  for (const vip of balancer.config().vips) {
    const change = changedReals(vip, sources.reals(vip));
    if (change === undefined) sources.refused(vip, undefined);
    else changes.set(vip, change);
  }
  if (changes.size === 0) return false;
  const follow = (some: ReadonlyMap<VipConfig, RealsChange>) => {
    const config = replaceReals(balancer.config(), some);
    refuseProblems(config);
    balancer.apply(config);
    for (const [vip, { text }] of some) {
      sources.refused(vip, undefined);
      balancer.log(`${vip.name}: ${text}`);
    }
  };
  try {
    follow(changes);
    return true;
  } catch {
    // Which one is refused, and why, shows below.
  }
  let isChanged = false;
  for (const [vip, change] of changes) {
    try {
      follow(new Map([[vip, change]]));
      isChanged = true;
    } catch (error) {
      sources.refused(vip, (error as Error).message);
    }
  }
  return isChanged;
}
