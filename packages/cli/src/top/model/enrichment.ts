/** Details of processes, ports and peers that the kernel's records do not hold. */
import type { ConnectionProcess } from '@weir/tracer';
import {
  ContainerNames,
  hiddenProcesses,
  missingDetails,
  PeerNames,
  type ProcessDetails,
  Processes,
  Services,
} from '@weir/tracer/enrich';
import type { ServicePort } from '@weir/tracer/filter';

export interface Enrichment {
  process(process: ConnectionProcess): ProcessDetails | undefined;
  service(port: number, transport: 'tcp' | 'udp'): string | undefined;
  /** The ports that have names. */
  readonly services: Iterable<ServicePort>;
  /** The name that reverse DNS gave; undefined where there is none, or not yet. */
  peerName(address: string): string | undefined;
}

export const noEnrichment: Enrichment = {
  process: () => undefined,
  service: () => undefined,
  services: [],
  peerName: () => undefined,
};

/** Details that this host gives: /proc, /etc/services, DNS. Disposing ends lookups of names. */
export class HostEnrichment implements Enrichment, Disposable {
  readonly #processes: Processes | undefined;
  readonly #containerNames: ContainerNames | undefined;
  readonly #services: Services | undefined;
  readonly #names: PeerNames | undefined;

  /** Details that are not available on this host. */
  readonly problem: string | undefined;

  /** @param enrich Whether to look at processes, and to name ports. @param resolve Whether to ask for peers' names. */
  constructor(enrich: boolean, resolve: boolean) {
    const hasProcesses = enrich && hiddenProcesses() === undefined;
    this.#processes = hasProcesses ? new Processes() : undefined;
    this.#containerNames = hasProcesses ? new ContainerNames() : undefined;
    this.problem = enrich ? missingDetails() : undefined;
    this.#services = enrich ? Services.read() : undefined;
    this.#names = resolve ? new PeerNames() : undefined;
  }

  /** A process whose start is not known had ended before it was looked at: nothing more will be known of it. */
  process({ pid, comm, start_ticks }: ConnectionProcess): ProcessDetails | undefined {
    if (start_ticks === undefined) return undefined;
    const found = this.#processes?.details(pid, comm, { startTicks: start_ticks });
    return found && (this.#containerNames?.addTo(found) ?? found);
  }

  service(port: number, transport: 'tcp' | 'udp'): string | undefined {
    return this.#services?.name(port, transport);
  }

  get services(): Iterable<ServicePort> {
    return this.#services ?? [];
  }

  peerName(address: string): string | undefined {
    return this.#names?.name(address);
  }

  /** Resolves once no lookup is under way, or `limitMs` milliseconds have passed. */
  async lookupsDone(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    const pending = () => (this.#names?.pending ?? 0) + (this.#containerNames?.pending ?? 0);
    while (pending() > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  [Symbol.dispose](): void {
    this.#containerNames?.[Symbol.dispose]();
    this.#names?.[Symbol.dispose]();
  }
}
