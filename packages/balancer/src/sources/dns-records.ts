/** Reals from records of DNS. Pure functions. */
import { type DnsAnswer, type DnsRecord, plainName } from './dns-message.js';
import type { FoundReal } from './found-real.js';

/** Reals, and how long they count. */
export interface FoundRecords {
  readonly reals: readonly FoundReal[];
  /** Seconds. */
  readonly ttl: number;
}

/** Addresses of a name, through its aliases, with the shortest lifetime of what led there. */
export function addressesOf(name: string, type: 'A' | 'AAAA', { answers }: DnsAnswer): FoundRecords {
  const names = new Set([plainName(name)]);
  let ttl = Number.POSITIVE_INFINITY;
  // Aliases come in any order; each can only add one more name.
  for (let before = 0; before < names.size; ) {
    before = names.size;
    for (const record of answers)
      if (record.type === 'CNAME' && names.has(record.name)) {
        names.add(record.target);
        ttl = Math.min(ttl, record.ttl);
      }
  }
  const found = answers.filter((record): record is Extract<DnsRecord, { type: 'A' | 'AAAA' }> => {
    return record.type === type && names.has(record.name);
  });
  return {
    reals: found.map(({ address }) => ({ address })),
    ttl: Math.min(ttl, ...found.map((record) => record.ttl)),
  };
}

/** A server that SRV records name. */
export interface SrvTarget {
  readonly target: string;
  readonly port: number;
  readonly weight: number;
}

/** Servers of the lowest priority, which are those to be used (RFC 2782), and the lifetime in seconds. */
export function srvTargets(
  name: string,
  { answers }: DnsAnswer,
): { targets: readonly SrvTarget[]; ttl: number } {
  const asked = plainName(name);
  const records = answers.filter((record) => record.type === 'SRV');
  // An alias in front of the name is followed by the server.
  const isAliased = answers.some((record) => record.type === 'CNAME' && record.name === asked);
  const found = records.filter((record) => isAliased || record.name === asked);
  const best = Math.min(...found.map(({ priority }) => priority));
  const used = found.filter(({ priority, target }) => priority === best && target !== '');
  // Weights of 0 are for servers that are hardly to be chosen, unless all have them.
  const areAllZero = used.every(({ weight }) => weight === 0);
  return {
    targets: used.map(({ target, port, weight }) => ({
      target,
      port,
      weight: areAllZero ? 1 : Math.max(1, weight),
    })),
    ttl: Math.min(...found.map(({ ttl }) => ttl), ...answers.map(({ ttl }) => ttl)),
  };
}

/** Addresses that a server sent along: IPv4 before IPv6, so that a server with both is one real. */
export function sentAlong(target: string, { additional }: DnsAnswer): FoundRecords | undefined {
  for (const type of ['A', 'AAAA'] as const) {
    const found = addressesOf(target, type, {
      isTruncated: false,
      code: 0,
      answers: additional,
      additional: [],
    });
    if (found.reals.length > 0) return found;
  }
  return undefined;
}
