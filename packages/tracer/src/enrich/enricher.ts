/** Adds details to records that the kernel does not know: of processes, names of services and of peers. */
import type {
  ConnectionProcess,
  Endpoint,
  LostRecord,
  ProcessIdentity,
  TraceRecord,
  UdpFlowRecord,
} from '../records/record.js';
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
  readonly peer?: Partial<Endpoint> & { readonly name?: string } & NetworkDetails;
};

/** What is known of the network of an address. */
export interface NetworkDetails {
  /** The group of networks that has it. */
  readonly group?: string;
  /** Two letters. */
  readonly country?: string;
  /** Number of its autonomous system, */
  readonly asn?: number;
  /** and that system's organisation. */
  readonly as_org?: string;
}

type RecordProcess = Partial<ProcessIdentity & ConnectionProcess>;
type EnrichedProcess = RecordProcess & ProcessDetails;
type Mutable = { process?: unknown; peer?: unknown; service?: string };

/** Knows networks by addresses. */
export interface NetworkFinder {
  /** What is known of the network of an address; undefined where that is nothing. */
  find(address: string): NetworkDetails | undefined;
}

/** Sources of details; an absent one is not used. */
export interface EnricherOptions {
  readonly processes?: Processes;
  readonly services?: Services;
  readonly peerNames?: PeerNames;
  readonly containerNames?: ContainerNames;
  /** Knows networks; undefined where nothing is known of an address. */
  readonly networks?: NetworkFinder;
}

/**
 * Adds details to records without waiting: records have the names of a peer and of a container after these lookups have finished. Pass records in as soon as
 * they come, because only a live process can be inspected; one that has ended keeps the details that were read before.
 */
export class Enricher {
  readonly #options: EnricherOptions;
  readonly #merged = new WeakMap<ProcessDetails, EnrichedProcess>();

  /** Makes an enricher of the given sources. */
  constructor(options: EnricherOptions) {
    this.#options = options;
  }

  /** Looks at the process and the peer of a record while they are there, for the records of them that follow. */
  look(record: TraceRecord): void {
    if (record.event === 'lost') return;
    this.#detailsOf(record);
    if (record.event !== 'fd_install') this.#options.peerNames?.name(record.peer.address);
  }

  /** The record with what the sources know about its process and peer. */
  enrich(record: TraceRecord): EnrichedRecord {
    if (record.event === 'lost') return record;
    const { services, peerNames, networks } = this.#options;
    const details = this.#detailsOf(record);
    const process = details === undefined ? undefined : this.#merge(record.process!, details);
    if (record.event === 'fd_install')
      return process === undefined ? record : ({ ...record, process } as EnrichedRecord);
    const service = services === undefined ? undefined : serviceOf(record, services);
    const name = peerNames?.name(record.peer.address);
    const network = networks?.find(record.peer.address);
    if (process === undefined && service === undefined && name === undefined && network === undefined)
      return record;
    // Each copy is one literal, and later values are of fields that it has: else the engine makes it anew for each of them.
    const known: Mutable = service === undefined ? { ...record } : { ...record, service };
    if (process !== undefined) known.process = process;
    if (network !== undefined)
      known.peer = { ...record.peer, ...(name !== undefined && { name }), ...network };
    else if (name !== undefined) known.peer = { ...record.peer, name };
    return known as EnrichedRecord;
  }

  #detailsOf(record: Exclude<TraceRecord, LostRecord>): ProcessDetails | undefined {
    const { processes, containerNames } = this.#options;
    const { process } = record;
    const found = process && processes?.details(process.pid, process.comm, momentOf(record));
    return found && (containerNames?.addTo(found) ?? found);
  }

  /** Records of a process mostly come together, and then share what is found about it. */
  #merge(process: RecordProcess, details: ProcessDetails): EnrichedProcess {
    const known = this.#merged.get(details);
    if (known !== undefined && isSame(known, process)) return known;
    const merged: EnrichedProcess = { ...process, ...details };
    this.#merged.set(details, merged);
    return merged;
  }
}

function isSame(one: RecordProcess, other: RecordProcess): boolean {
  return (
    one.pid === other.pid &&
    one.tid === other.tid &&
    one.comm === other.comm &&
    one.uid === other.uid &&
    one.start_ticks === other.start_ticks
  );
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
