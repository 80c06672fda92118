/** Adds to records what `--enrich`, `--resolve`, `--networks` and `--geo` ask for. */
import {
  ContainerNames,
  Enricher,
  hiddenProcesses,
  missingDetails,
  NewProcesses,
  PeerNames,
  Processes,
  Services,
} from '@weir/tracer/enrich';

export interface EnrichmentFlags {
  readonly enrich?: boolean;
  readonly resolve?: boolean;
  readonly networks?: readonly string[];
  readonly geo?: readonly string[];
}

export interface RecordEnrichment extends Disposable {
  readonly enricher: Enricher;
  /** Details that are not available on this host, in one line. */
  readonly problem: string | undefined;
}

/**
 * Starts the lookups that the flags ask for; returns undefined if they ask for none.
 *
 * @throws UsageError for a file that cannot be used
 */
export async function startEnrichment({
  enrich = false,
  resolve = false,
  networks = [],
  geo = [],
}: EnrichmentFlags): Promise<RecordEnrichment | undefined> {
  const hasFiles = networks.length > 0 || geo.length > 0;
  if (!enrich && !resolve && !hasFiles) return undefined;
  // Most runs need none of it, and a start would load it for nothing.
  const peers = hasFiles ? await (await import('./peer-networks.js')).peerNetworks(networks, geo) : undefined;
  const hasProcesses = enrich && hiddenProcesses() === undefined;
  const processes = hasProcesses ? new Processes() : undefined;
  const newProcesses = processes && new NewProcesses(processes);
  const containerNames = hasProcesses ? new ContainerNames() : undefined;
  const peerNames = resolve ? new PeerNames() : undefined;
  return {
    enricher: new Enricher({
      ...(processes !== undefined && { processes }),
      ...(enrich && { services: Services.read() }),
      ...(peerNames !== undefined && { peerNames }),
      ...(containerNames !== undefined && { containerNames }),
      ...(peers !== undefined && { networks: peers }),
    }),
    problem: enrich ? missingDetails() : undefined,
    [Symbol.dispose]: () => {
      newProcesses?.[Symbol.dispose]();
      containerNames?.[Symbol.dispose]();
      peerNames?.[Symbol.dispose]();
    },
  };
}
