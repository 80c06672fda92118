/** What `--networks` and `--geo` say of peers. Loaded only with them: it brings code of the server. */
import { resolve } from 'node:path';
import { ConfigError } from '@weir/config';
import { OptionError } from '@weir/ebpf';
import { parseServeConfig } from '@weir/server/config';
import { DEFAULT_CLOUD_NAME, type NamingConfig, type PeerDetails, readPeers } from '@weir/server/naming';
import type { NetworkDetails } from '@weir/tracer/enrich';
import { readInput } from '../args/input-file.js';
import { FileProblems, UsageError } from '../failure.js';

type Networks = NamingConfig['networks'];

/** Reads the files. @throws UsageError for one that cannot be used */
export async function peerNetworks(
  networks: readonly string[],
  geo: readonly string[],
): Promise<{ readonly find: (address: string) => NetworkDetails | undefined }> {
  try {
    const directory = await readPeers(
      merged(networks.map(networksOf)),
      geo.map((file) => resolve(file)),
    );
    const known = new WeakMap<PeerDetails, NetworkDetails>();
    return {
      find: (address) => {
        const details = directory.detailsOf(address);
        let network = known.get(details);
        if (network === undefined) {
          network = networkOf(details);
          known.set(details, network);
        }
        return network === nothing ? undefined : network;
      },
    };
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

const nothing: NetworkDetails = {};

function networkOf({ group, country, asn, asOrg }: PeerDetails): NetworkDetails {
  if (group === undefined && country === undefined && asn === undefined && asOrg === undefined)
    return nothing;
  return {
    ...(group !== undefined && { group }),
    ...(country !== undefined && { country }),
    ...(asn !== undefined && { asn }),
    ...(asOrg !== undefined && { as_org: asOrg }),
  };
}

/** A configuration of `weir serve`, of which `networks` counts; or a list, or a cloud's ranges. */
function networksOf(file: string): Networks {
  if (!/\.ya?ml$/i.test(file))
    return { groups: {}, files: [{ path: resolve(file), name: DEFAULT_CLOUD_NAME }] };
  try {
    return parseServeConfig(readInput(file).toString(), file).networks;
  } catch (error) {
    throw error instanceof ConfigError ? new FileProblems(error.lines, { cause: error }) : error;
  }
}

function merged(all: readonly Networks[]): Networks {
  const groups: Record<string, string[]> = {};
  for (const { groups: more } of all)
    for (const [name, prefixes] of Object.entries(more))
      groups[name] = [...(groups[name] ?? []), ...prefixes];
  return { groups, files: all.flatMap(({ files }) => files) };
}
