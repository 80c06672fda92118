/** Reals from DNS, asked for again when the records expire. */
import type { SourceConfig } from '../config/source-schema.js';
import { askDns, systemServers } from './dns-client.js';
import { addressesOf, type FoundRecords, sentAlong, srvTargets } from './dns-records.js';
import { type FoundReal, MOST_FOUND } from './found-real.js';
import { repeatQuestion } from './repeat-question.js';
import type { Source, SourceEvents } from './source.js';

type DnsConfig = NonNullable<SourceConfig['from']['dns']>;

/** Bounds of the time until records are asked for again, seconds. */
const LEAST_TTL = 1;
const MOST_TTL = 300;
/** Names whose addresses are asked for, each by itself. */
const MOST_TARGETS = 256;

/** Follows the records of a name. */
export function dnsSource(config: DnsConfig, events: SourceEvents): Source {
  return repeatQuestion(events, async (signal) => {
    const { reals, ttl } = await askRecords(config, signal);
    const seconds = Math.min(MOST_TTL, Math.max(LEAST_TTL, ttl));
    return { reals, waitMs: seconds * 1000 };
  });
}

async function askRecords(
  { name, type, servers = systemServers() }: DnsConfig,
  signal: AbortSignal,
): Promise<FoundRecords> {
  if (type !== 'SRV') return addressesOf(name, type, await askDns(servers, name, type, signal));
  const answer = await askDns(servers, name, 'SRV', signal);
  const { targets, ttl } = srvTargets(name, answer);
  if (targets.length > MOST_TARGETS)
    throw new Error(`${targets.length} servers are more than the ${MOST_TARGETS} that are looked up`);
  const ask = async (target: string): Promise<FoundRecords> => {
    const along = sentAlong(target, answer);
    if (along !== undefined) return along;
    const found = addressesOf(target, 'A', await askDns(servers, target, 'A', signal));
    return found.reals.length > 0
      ? found
      : addressesOf(target, 'AAAA', await askDns(servers, target, 'AAAA', signal));
  };
  const reals: FoundReal[] = [];
  let shortest = ttl;
  for (const { target, port, weight } of targets) {
    const found = await ask(target);
    shortest = Math.min(shortest, found.ttl);
    reals.push(...found.reals.map(({ address }) => ({ address, port, weight })));
    if (reals.length > MOST_FOUND) throw new Error(`there are more than ${MOST_FOUND} reals`);
  }
  return { reals, ttl: shortest };
}
