/** What is known of peers by their addresses: groups of networks, countries, autonomous systems. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { nameValue } from '@weir/history/rows';
import type { GeoDatabase, GeoDetails } from './geo-database.js';
import type { FoundPrefix, PrefixTable } from './prefix-table.js';
import { isPublicAddress } from './public-address.js';

/** Addresses of which everything is remembered. */
const MOST_KNOWN = 65_536;

/** What rows have of a peer. */
export interface PeerDetails extends GeoDetails {
  readonly group?: string;
  /** Name of a Pod or a Service. */
  readonly name?: string;
}

/** Where it is looked up. */
export interface PeerSources {
  readonly groups: PrefixTable;
  /** In their order: the first that knows something counts. */
  readonly databases: readonly GeoDatabase[];
  /** Names that change from one moment to the next. */
  readonly cluster?: { readonly nameOf: (address: string) => string | undefined };
}

/** Looks peers up, each address once. */
export class PeerDirectory {
  #sources: PeerSources;
  #known = new BoundedMap<string, PeerDetails>(MOST_KNOWN);
  /** Changes with the sources: what was derived from earlier ones is no longer right. */
  generation = 0;

  constructor(sources: PeerSources) {
    this.#sources = sources;
  }

  /** Whether it knows anything at all. */
  get isEmpty(): boolean {
    const { groups, databases, cluster } = this.#sources;
    return groups.size === 0 && databases.length === 0 && cluster === undefined;
  }

  /** Uses other sources from now on. Rows that are stored keep what they have. */
  update(sources: PeerSources): void {
    this.#sources = sources;
    this.#known = new BoundedMap(MOST_KNOWN);
    this.generation++;
  }

  /** The group of an address, with the length of its prefix; undefined where it is in none. */
  groupOf(address: string): FoundPrefix | undefined {
    return this.#sources.groups.find(address);
  }

  /** What rows have of a peer at an address. */
  detailsOf(address: string): PeerDetails {
    let details = this.#known.get(address);
    if (details === undefined) {
      details = this.#find(address);
      this.#known.set(address, details);
    }
    const name = this.#sources.cluster?.nameOf(address);
    return name === undefined ? details : { ...details, name };
  }

  #find(address: string): PeerDetails {
    const { databases } = this.#sources;
    const group = this.groupOf(address)?.name;
    const named = group === undefined ? {} : { group: nameValue(group) };
    if (databases.length === 0 || !isPublicAddress(address)) return named;
    let details: PeerDetails = {};
    for (const database of databases) details = { ...database.find(address), ...details };
    return { ...details, ...named };
  }
}
