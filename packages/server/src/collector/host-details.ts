/** Details of processes, ports and peers that the kernel's records do not hold, as far as the configuration wants them. */
import type { LiveDetails } from '@weir/history/rows';
import type { Connection, TraceRecord } from '@weir/tracer';
import {
  ContainerNames,
  type EnrichedRecord,
  Enricher,
  hiddenProcesses,
  missingDetails,
  NewProcesses,
  PeerNames,
  Processes,
  Services,
  serviceOf,
} from '@weir/tracer/enrich';

/** Which details are wanted. */
export interface WantedDetails {
  /** Programs, arguments, containers and units of processes, and names of services. */
  readonly enrichment: boolean;
  /** Names of peers, by reverse DNS. */
  readonly names: boolean;
}

/** Details that this host gives: /proc, /etc/services, DNS. Disposing ends lookups. */
export class HostDetails implements Disposable {
  readonly #processes: Processes | undefined;
  readonly #newProcesses: NewProcesses | undefined;
  readonly #containerNames: ContainerNames | undefined;
  readonly #services: Services | undefined;
  readonly #peerNames: PeerNames | undefined;
  readonly #enricher: Enricher;
  /** Details that are not available here. */
  readonly problem: string | undefined;

  /** Begins the lookups that are wanted. */
  constructor({ enrichment, names }: WantedDetails) {
    const hasProcesses = enrichment && hiddenProcesses() === undefined;
    this.#processes = hasProcesses ? new Processes() : undefined;
    this.#newProcesses = this.#processes && new NewProcesses(this.#processes);
    this.#containerNames = hasProcesses ? new ContainerNames() : undefined;
    this.#services = enrichment ? Services.read() : undefined;
    this.#peerNames = names ? new PeerNames() : undefined;
    this.problem = enrichment ? missingDetails() : undefined;
    this.#enricher = new Enricher({
      ...(this.#processes !== undefined && { processes: this.#processes }),
      ...(this.#services !== undefined && { services: this.#services }),
      ...(this.#peerNames !== undefined && { peerNames: this.#peerNames }),
      ...(this.#containerNames !== undefined && { containerNames: this.#containerNames }),
    });
  }

  /** Looks at the process and the peer of a record while they are there. */
  look(record: TraceRecord): void {
    this.#enricher.look(record);
  }

  /** The record with what is known about its process and peer. */
  enrich(record: TraceRecord): EnrichedRecord {
    return this.#enricher.enrich(record);
  }

  /** What is known about a live connection. */
  connection({ process, peer, local, direction, transport }: Connection): LiveDetails {
    const { pid, comm, start_ticks: startTicks } = process ?? {};
    const found =
      pid === undefined || startTicks === undefined
        ? undefined
        : this.#processes?.details(pid, comm, { startTicks });
    const socket = { local, peer, network: { transport }, ...(direction !== undefined && { direction }) };
    const service = this.#services && serviceOf(socket, this.#services);
    return {
      process: found && (this.#containerNames?.addTo(found) ?? found),
      service,
      peerName: this.#peerNames?.name(peer.address),
    };
  }

  [Symbol.dispose](): void {
    this.#newProcesses?.[Symbol.dispose]();
    this.#containerNames?.[Symbol.dispose]();
    this.#peerNames?.[Symbol.dispose]();
  }
}
