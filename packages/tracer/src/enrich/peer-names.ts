/** Names of peers by reverse DNS. A query never waits: the name is known once its answer has come. */

import type { Resolver } from 'node:dns/promises';
import { createRequire } from 'node:module';
import { Lookups } from './lookups.js';

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

/** The owner of an address chooses its PTR record, so only text that can be a host name is accepted. */
const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$/;

/** Reverse DNS, cached. Disposing cancels what is under way. */
export class PeerNames implements Disposable {
  readonly #lookups: Lookups<string>;
  readonly #resolver: Resolver | undefined;

  /** Makes an empty cache of names. */
  constructor({ resolve, onName, ...options }: PeerNamesOptions = {}) {
    const timeoutMs = options.timeoutMs ?? 2_000;
    this.#resolver = resolve === undefined ? createResolver(timeoutMs) : undefined;
    const ask = resolve ?? ((address: string) => this.#resolver!.reverse(address));
    this.#lookups = new Lookups({
      ...options,
      timeoutMs,
      ask: async (address) => (await ask(address)).find((name) => hostName.test(name))?.replace(/\.$/, ''),
      keepMs: options.keepMs ?? 3_600_000,
      keepNoneMs: options.keepNoneMs ?? 300_000,
      onAnswer: onName,
    });
  }

  /** Lookups that wait or are under way. */
  get pending(): number {
    return this.#lookups.pending;
  }

  /** The name of an address, if it is known; else a lookup starts. An outdated name is returned until the new one is known. */
  name(address: string): string | undefined {
    return this.#lookups.get(address);
  }

  /** Cancels all lookups. */
  [Symbol.dispose](): void {
    this.#lookups[Symbol.dispose]();
    this.#resolver?.cancel();
  }
}

/** The module is loaded when names are first asked for. */
function createResolver(timeoutMs: number): Resolver {
  const dns = createRequire(import.meta.url)('node:dns/promises') as typeof import('node:dns/promises');
  return new dns.Resolver({ timeout: timeoutMs, tries: 1 });
}
