/** Reals as sources name them, and as a VIP can use them. Pure functions. */
import { canonicalAddress, isAddress, isWithin, parseMappedPrefix } from '@weir/ebpf/address';
import { addressSpecialty } from '../config/address-specialty.js';
import { type RealConfig, realName, type VipConfig } from '../config/schema.js';
import type { SourceConfig } from '../config/source-schema.js';
import { isWeight } from '../datapath/rings/ring.js';
import { realKey } from '../service.js';
import { serviceProblems, translationProblems } from '../service-rules.js';

/** A real as a source names it. Nothing in it is checked. */
export interface FoundReal {
  readonly address: string;
  readonly port?: number;
  readonly weight?: number;
}

/** More reals than an answer may have. */
export const MOST_FOUND = 4096;

/** An answer without what a VIP cannot use. */
export interface UsableReals {
  readonly reals: readonly RealConfig[];
  /** Number of those that were left out. */
  readonly skipped: number;
  /** Why the first of them was. */
  readonly why?: string;
}

/** Reals of an answer that a VIP can use, sorted by address, each once. */
export function usableReals(vip: VipConfig, source: SourceConfig, found: readonly FoundReal[]): UsableReals {
  const networks = source.within?.map(parseMappedPrefix);
  const reals = new Map<string, RealConfig>();
  let skipped = 0;
  let why: string | undefined;
  for (const each of found) {
    const problem = problemOf(each, networks);
    const real = problem === undefined ? realOf(vip, source, each) : undefined;
    const broken = problem ?? (real === undefined ? undefined : ruleBroken(vip, real));
    if (real === undefined || broken !== undefined) {
      skipped++;
      why ??= broken;
      continue;
    }
    // A server that is named twice counts once.
    const key = realKey(real);
    if (!reals.has(key)) reals.set(key, real);
  }
  const sorted = [...reals.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, real]) => real);
  return { reals: sorted, skipped, ...(why !== undefined && { why }) };
}

type Networks = readonly ReturnType<typeof parseMappedPrefix>[];

/** What is wrong with a real for any VIP. What a source sent is only repeated where it is an address. */
function problemOf({ address, port, weight }: FoundReal, networks: Networks | undefined): string | undefined {
  if (typeof address !== 'string' || !isAddress(address) || address.includes('%'))
    return 'it is no IP address';
  if (address.includes(':') && parseMappedPrefix(address).ipv4)
    return `${address} is of IPv4, written as IPv6`;
  const special = addressSpecialty(address);
  if (special !== undefined) return `${address} is ${special}`;
  if (networks !== undefined && !networks.some((network) => isWithin(parseMappedPrefix(address), network)))
    return `${address} is not in the prefixes of within`;
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
    return `${address} has a port that is none`;
  if (weight !== undefined && !isWeight(weight)) return `${address} has a weight that is none`;
  return undefined;
}

/** A tunnel keeps the VIP's port, so a source's port only counts with NAT. */
function realOf(vip: VipConfig, source: SourceConfig, found: FoundReal): RealConfig {
  const address = canonicalAddress(found.address);
  const wanted = vip.forwarding === 'nat' ? (source.port ?? found.port) : undefined;
  const port = wanted === vip.port ? undefined : wanted;
  const place = { address, ...(port !== undefined && { port }) };
  const weight = found.weight ?? source.weight;
  return { ...place, weight, local: false, down: false, name: realName(place) };
}

function ruleBroken(vip: VipConfig, real: RealConfig): string | undefined {
  const alone = [{ ...vip, reals: [real] }];
  const [problem] = [...serviceProblems(alone), ...translationProblems(alone, bothFamilies)];
  return problem?.message;
}

/** Whether there are sources for NAT was checked with the file. */
const bothFamilies = [{ ipv6: false }, { ipv6: true }];
