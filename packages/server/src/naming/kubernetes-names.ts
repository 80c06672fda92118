/** Names of the Pods and Services of a cluster by their addresses, kept up to date by watching. */
import { setTimeout as wait } from 'node:timers/promises';
import { getJson, getLines, type KubernetesAccess, KubernetesError } from './kubernetes-api.js';
import { type KubernetesKind, type NamedObject, readObject } from './kubernetes-objects.js';

/** Objects of an answer. */
const PAGE = 500;
/** The server ends a watch after this time. */
const WATCH_SECONDS = 300;
const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 30_000;
/** The version from which a watch would go on is no longer kept. */
const GONE = 410;
/** Services come before pods: a Service's address is no pod's. */
const kinds = ['services', 'pods'] as const satisfies readonly KubernetesKind[];

type Json = Readonly<Record<string, unknown>>;

/** What is watched, and how soon again after a failure. */
export interface KubernetesOptions {
  readonly access: KubernetesAccess;
  /** Reports that the API does not answer, or answers again. */
  readonly say: (message: string) => void;
  readonly leastWaitMs?: number;
}

/** Watches until it is disposed of. While the API is away, what was known last counts. */
export class KubernetesNames implements Disposable {
  readonly #kinds: readonly WatchedKind[];
  readonly #end = new AbortController();

  constructor(options: KubernetesOptions) {
    this.#kinds = kinds.map((kind) => new WatchedKind(kind, options, this.#end.signal));
  }

  /** The name of whoever has an address; undefined where nobody of the cluster has it. */
  nameOf(address: string): string | undefined {
    for (const kind of this.#kinds) {
      const name = kind.names.get(address);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }
}

/** The objects of one kind. */
class WatchedKind {
  readonly #kind: KubernetesKind;
  readonly #options: KubernetesOptions;
  readonly #signal: AbortSignal;
  readonly names = new Map<string, string>();
  #objects = new Map<string, NamedObject>();
  /** From here on changes are not known yet; undefined: all has to be listed. */
  #version: string | undefined;
  #problem: string | undefined;

  constructor(kind: KubernetesKind, options: KubernetesOptions, signal: AbortSignal) {
    this.#kind = kind;
    this.#options = options;
    this.#signal = signal;
    void this.#run();
  }

  async #run(): Promise<void> {
    const { leastWaitMs = LEAST_WAIT_MS } = this.#options;
    let waitMs = leastWaitMs;
    while (!this.#signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        this.#works();
        await this.#watch();
        waitMs = leastWaitMs;
        // A server that ends each watch at once is not asked all the time.
        await wait(Math.min(leastWaitMs, LEAST_WAIT_MS), undefined, { signal: this.#signal });
      } catch (error) {
        if (this.#signal.aborted) return;
        if (error instanceof KubernetesError && error.status === GONE && this.#version !== undefined) {
          this.#version = undefined;
          continue;
        }
        this.#fails(error as Error);
        await wait(waitMs, undefined, { signal: this.#signal }).catch(() => {});
        waitMs = Math.min(MOST_WAIT_MS, waitMs * 2);
      }
    }
  }

  async #list(): Promise<void> {
    const objects = new Map<string, NamedObject>();
    let page: string | undefined;
    let version: unknown;
    do {
      const more = page === undefined ? '' : `&continue=${encodeURIComponent(page)}`;
      const answer = await getJson(
        this.#options.access,
        `/api/v1/${this.#kind}?limit=${PAGE}${more}`,
        this.#signal,
      );
      const { items, metadata } = answer as { readonly items?: readonly unknown[]; readonly metadata?: Json };
      if (!Array.isArray(items)) throw new Error(`the list of ${this.#kind} is none`);
      for (const item of items) {
        const object = readObject(this.#kind, item);
        if (object !== undefined) objects.set(object.key, object);
      }
      page =
        typeof metadata?.continue === 'string' && metadata.continue !== '' ? metadata.continue : undefined;
      version = metadata?.resourceVersion;
    } while (page !== undefined);
    this.#objects = objects;
    this.names.clear();
    for (const object of objects.values()) this.#name(object);
    this.#version = typeof version === 'string' ? version : undefined;
  }

  async #watch(): Promise<void> {
    const from = `resourceVersion=${encodeURIComponent(this.#version ?? '')}`;
    const path = `/api/v1/${this.#kind}?watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&${from}`;
    for await (const event of getLines(this.#options.access, path, this.#signal)) {
      const { type, object } = event as { readonly type?: unknown; readonly object?: Json };
      if (type === 'ERROR')
        throw new KubernetesError(Number(object?.code), `the watch of ${this.#kind} ended`);
      if (type !== 'BOOKMARK') this.#change(type === 'DELETED', object);
      const version = (object?.metadata as Json | undefined)?.resourceVersion;
      if (typeof version === 'string') this.#version = version;
    }
  }

  #change(isGone: boolean, value: unknown): void {
    const object = readObject(this.#kind, value);
    if (object === undefined) return;
    const earlier = this.#objects.get(object.key);
    for (const address of earlier?.addresses ?? [])
      if (this.names.get(address) === object.name) this.names.delete(address);
    if (isGone) {
      this.#objects.delete(object.key);
      return;
    }
    this.#objects.set(object.key, object);
    this.#name(object);
  }

  #name({ addresses, name }: NamedObject): void {
    for (const address of addresses) this.names.set(address, name);
  }

  #works(): void {
    if (this.#problem !== undefined) this.#options.say(`kubernetes: ${this.#kind} are watched again`);
    this.#problem = undefined;
  }

  #fails({ message }: Error): void {
    const text = message.replaceAll(/\s+/g, ' ');
    if (this.#problem === undefined)
      this.#options.say(`kubernetes: ${this.#kind}: ${text}; what was known before still counts`);
    this.#problem = text;
  }
}
