/** Adds to records what `--enrich` and `--resolve` ask for. */
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
}

export interface RecordEnrichment extends Disposable {
  readonly enricher: Enricher;
  /** Details that are not available on this host, in one line. */
  readonly problem: string | undefined;
}

/** Starts the lookups that the flags ask for; returns undefined if they ask for none. */
export function startEnrichment({
  enrich = false,
  resolve = false,
}: EnrichmentFlags): RecordEnrichment | undefined {
  if (!enrich && !resolve) return undefined;
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
    }),
    problem: enrich ? missingDetails() : undefined,
    [Symbol.dispose]: () => {
      newProcesses?.[Symbol.dispose]();
      containerNames?.[Symbol.dispose]();
      peerNames?.[Symbol.dispose]();
    },
  };
}
