/** Adds details to records that the kernel does not know: of processes, names of services and of peers. */
import type { Endpoint, LostRecord, TraceRecord, UdpFlowRecord } from '../records/record.js';
import type { ContainerNames } from './containers/container-names.js';
import type { PeerNames } from './peer-names.js';
import type { Processes, ProcessMoment } from './processes.js';
import type { ProcessDetails } from './procfs.js';
import type { Services, Transport } from './services.js';

/** A record with details that were found on the host. Unknown details are absent. */
export type EnrichedRecord = TraceRecord & {
  /** Any byte may occur in it: escape before showing it. */
  readonly process?: ProcessDetails & { readonly pid?: number };
  /** Name of the port that serves: the peer's of what this host opened, else the local one's. */
  readonly service?: string;
  /** `name`: by reverse DNS, whose answer the owner of the address chooses. */
  readonly peer?: Partial<Endpoint> & { readonly name?: string };
};

/** Sources of details; an absent one is not used. */
export interface EnricherOptions {
  readonly processes?: Processes;
  readonly services?: Services;
  readonly peerNames?: PeerNames;
  readonly containerNames?: ContainerNames;
}

/**
 * Adds details to records without waiting: records have the names of a peer and of a container after these lookups have finished. Pass records in as soon as
 * they come, because only a live process can be inspected; one that has ended keeps the details that were read before.
 */
export class Enricher {
  readonly #options: EnricherOptions;

  /** Makes an enricher of the given sources. */
  constructor(options: EnricherOptions) {
    this.#options = options;
  }

  /** The record with what the sources know about its process and peer. */
  enrich(record: TraceRecord): EnrichedRecord {
    if (record.event === 'lost') return record;
    const { processes, services, peerNames, containerNames } = this.#options;
    const { process } = record;
    const found = process && processes?.details(process.pid, process.comm, momentOf(record));
    const details = found && (containerNames?.addTo(found) ?? found);
    const known = details === undefined ? record : { ...record, process: { ...process, ...details } };
    if (record.event === 'fd_install') return known as EnrichedRecord;
    const service = services === undefined ? undefined : serviceOf(record, services);
    const name = peerNames?.name(record.peer.address);
    if (service === undefined && name === undefined) return known as EnrichedRecord;
    return {
      ...known,
      ...(service !== undefined && { service }),
      ...(name !== undefined && { peer: { ...record.peer, name } }),
    } as EnrichedRecord;
  }
}

/** When the process of a record lived for sure: its pid may be another one's by now. */
function momentOf(record: Exclude<TraceRecord, LostRecord>): ProcessMoment {
  const before = (microseconds = 0) => record.monotonic_ns - microseconds * 1000;
  switch (record.event) {
    case 'connect':
      return { aliveNs: before(record.handshake_us) };
    case 'fail':
      return { aliveNs: before(record.duration_us) };
    case 'close':
      // Where no process closed it, the record names the owner, who may have ended long ago.
      return record.closing_us === undefined
        ? { aliveNs: before(), sinceNs: before(record.duration_us ?? Number.POSITIVE_INFINITY) }
        : { aliveNs: before(record.closing_us) };
    case 'udp_flow':
      return { aliveNs: before(record.idle_us), sinceNs: before(record.idle_us + record.duration_us) };
    default:
      return { aliveNs: before() };
  }
}

/** What says which side serves. */
export type ServingSocket = Pick<UdpFlowRecord, 'direction' | 'local' | 'peer'> & {
  readonly network: { readonly transport: Transport };
};

/** The name of the port that serves; where it is not known which side does, the one whose port has a name. */
export function serviceOf(
  { direction, local, peer, network }: ServingSocket,
  services: Services,
): string | undefined {
  const nameOf = ({ port }: Endpoint) => services.name(port, network.transport);
  if (direction === 'outbound') return nameOf(peer);
  if (direction === 'inbound') return nameOf(local);
  return nameOf(local) ?? nameOf(peer);
}
