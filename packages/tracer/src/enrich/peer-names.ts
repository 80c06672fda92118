/** Names of peers by reverse DNS. A query never waits: the name is known once its answer has come. */

import { Resolver } from 'node:dns/promises';
import { BoundedMap } from '@weir/ebpf/bounded-map';

/** Options of {@link PeerNames}. */
export interface PeerNamesOptions {
  /** Resolves an address to its names; rejects where it has none. Default: DNS PTR, through the system's name servers. */
  readonly resolve?: (address: string) => Promise<readonly string[]>;
  /** Gives up on a lookup after this time, milliseconds. Default 2,000. */
  readonly timeoutMs?: number;
  /** Lookups under way at the same time. Default 8. */
  readonly concurrency?: number;
  /** Limit of addresses that wait for their lookup; beyond it, new ones are refused until the next request. Default 1,024. */
  readonly queueLimit?: number;
  /** Addresses that are remembered. Default 16,384. */
  readonly limit?: number;
  /** Time for which a name is remembered, milliseconds. Default an hour. */
  readonly keepMs?: number;
  /** Time for which the lack of a name is remembered, milliseconds. Default 5 minutes. */
  readonly keepNoneMs?: number;
  /** Called when a lookup has brought a name. */
  readonly onName?: (address: string, name: string) => void;
  /** Milliseconds of a clock that never goes back. Default: performance.now(). */
  readonly now?: () => number;
}

interface Entry {
  readonly name: string | undefined;
  /** Infinite while its lookup waits or is under way. */
  readonly until: number;
}

const pendingEntry: Entry = { name: undefined, until: Number.POSITIVE_INFINITY };
/** The owner of an address chooses its PTR record, so only text that can be a host name is accepted. */
const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$/;

/** Reverse DNS, cached. Disposing cancels what is under way. */
export class PeerNames implements Disposable {
  readonly #options: PeerNamesOptions;
  readonly #resolve: (address: string) => Promise<readonly string[]>;
  readonly #resolver: Resolver | undefined;
  readonly #now: () => number;
  /** In the order in which they were last asked for or answered. */
  readonly #entries: BoundedMap<string, Entry>;
  readonly #queue: string[] = [];
  #running = 0;
  #disposed = false;

  /** Makes an empty cache of names. */
  constructor(options: PeerNamesOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#entries = new BoundedMap(options.limit ?? 16_384);
    if (options.resolve === undefined) {
      const resolver = new Resolver({ timeout: this.#timeoutMs, tries: 1 });
      this.#resolver = resolver;
      this.#resolve = (address) => resolver.reverse(address);
    } else {
      this.#resolve = options.resolve;
    }
  }

  /** Lookups that wait or are under way. */
  get pending(): number {
    return this.#queue.length + this.#running;
  }

  /** The name of an address, if it is known; else a lookup starts. An outdated name is returned until the new one is known. */
  name(address: string): string | undefined {
    const entry = this.#entries.get(address);
    if (entry !== undefined) {
      this.#entries.set(address, entry);
      if (entry.until > this.#now()) return entry.name;
    }
    this.#enqueue(address, entry);
    return entry?.name;
  }

  /** Cancels all lookups. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#queue.length = 0;
    this.#resolver?.cancel();
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 2_000;
  }

  #enqueue(address: string, previous: Entry | undefined): void {
    if (this.#disposed || this.#queue.length >= (this.#options.queueLimit ?? 1_024)) return;
    this.#entries.set(address, { ...pendingEntry, name: previous?.name });
    this.#queue.push(address);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#running < (this.#options.concurrency ?? 8)) {
      const address = this.#queue.shift();
      if (address === undefined) return;
      this.#running++;
      void this.#lookUp(address).finally(() => {
        this.#running--;
        this.#startNext();
      });
    }
  }

  async #lookUp(address: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<readonly string[]>((resolve) => {
      timer = setTimeout(() => resolve([]), this.#timeoutMs);
    });
    // A resolver that throws at once is one more way to have no name.
    const lookup = new Promise<readonly string[]>((resolve) => resolve(this.#resolve(address)));
    const names = await Promise.race([lookup, timeout]).catch(() => []);
    clearTimeout(timer);
    if (this.#disposed) return;
    const name = names.find((candidate) => hostName.test(candidate))?.replace(/\.$/, '');
    const keepMs =
      name === undefined ? (this.#options.keepNoneMs ?? 300_000) : (this.#options.keepMs ?? 3_600_000);
    this.#entries.set(address, { name, until: this.#now() + keepMs });
    if (name !== undefined) this.#options.onName?.(address, name);
  }
}
