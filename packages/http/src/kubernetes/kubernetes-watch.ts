/** Objects of a cluster, kept up to date by watching. */
import { setTimeout as wait } from 'node:timers/promises';
import { HttpStatusError } from '../client/http-get.js';
import { getJson, getLines, type KubernetesAccess } from './kubernetes-api.js';

/** Objects of an answer. */
const PAGE = 500;
/** The server ends a watch after this time. */
const WATCH_SECONDS = 300;
const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 30_000;
/** The version from which a watch would go on is no longer kept. */
const GONE = 410;

type Json = Readonly<Record<string, unknown>>;

/** Who keeps what is watched. Objects are as the API sends them: nothing in them is checked. */
export interface KubernetesObjects {
  /** All objects that there are now. */
  replace(objects: readonly unknown[]): void;
  /** An object has come, has changed, or is gone. */
  change(object: unknown, isGone: boolean): void;
  /** The API answers. Called each time. */
  works(): void;
  /** The API does not answer, or not as it should. Called each time; what was known before still counts. */
  fails(error: Error): void;
}

/** What is watched. */
export interface KubernetesWatchOptions {
  readonly access: KubernetesAccess;
  /** The path of the list, such as `/api/v1/pods`. */
  readonly path: string;
  /** Which objects of the list, such as `app=web`. Default: all. */
  readonly labelSelector?: string;
  /** Milliseconds after a failure until the first new attempt. Default 1 second. */
  readonly leastWaitMs?: number;
}

/** Lists and watches until it is disposed of. */
export class KubernetesWatch implements Disposable {
  readonly #options: KubernetesWatchOptions;
  readonly #objects: KubernetesObjects;
  readonly #end = new AbortController();
  /** From here on changes are not known yet; undefined: all has to be listed. */
  #version: string | undefined;

  /** Begins to watch. */
  constructor(options: KubernetesWatchOptions, objects: KubernetesObjects) {
    this.#options = options;
    this.#objects = objects;
    void this.#run();
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const { leastWaitMs = LEAST_WAIT_MS } = this.#options;
    let waitMs = leastWaitMs;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        this.#objects.works();
        await this.#watch();
        waitMs = leastWaitMs;
        // A server that ends each watch at once is not asked all the time.
        await wait(Math.min(leastWaitMs, LEAST_WAIT_MS), undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof HttpStatusError && error.status === GONE && this.#version !== undefined) {
          this.#version = undefined;
          continue;
        }
        this.#objects.fails(error as Error);
        await wait(waitMs, undefined, { signal }).catch(() => {});
        waitMs = Math.min(MOST_WAIT_MS, waitMs * 2);
      }
    }
  }

  async #list(): Promise<void> {
    const { access, path } = this.#options;
    const objects: unknown[] = [];
    let page = '';
    let version: unknown;
    do {
      const more = page === '' ? {} : { continue: page };
      const query = this.#query({ limit: String(PAGE), ...more });
      const answer = await getJson(access, `${path}?${query}`, this.#end.signal);
      const { items, metadata } = answer as { readonly items?: readonly unknown[]; readonly metadata?: Json };
      if (!Array.isArray(items)) throw new Error(`the list of ${path} is none`);
      objects.push(...items);
      page = typeof metadata?.continue === 'string' ? metadata.continue : '';
      version = metadata?.resourceVersion;
    } while (page !== '');
    this.#objects.replace(objects);
    this.#version = typeof version === 'string' ? version : undefined;
  }

  async #watch(): Promise<void> {
    const { access, path } = this.#options;
    const query = this.#query({
      watch: '1',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(WATCH_SECONDS),
      resourceVersion: this.#version ?? '',
    });
    for await (const event of getLines(access, `${path}?${query}`, this.#end.signal)) {
      const { type, object } = event as { readonly type?: unknown; readonly object?: Json };
      if (type === 'ERROR') throw new HttpStatusError(Number(object?.code), `the watch of ${path} ended`);
      if (type !== 'BOOKMARK') this.#objects.change(object, type === 'DELETED');
      const version = (object?.metadata as Json | undefined)?.resourceVersion;
      if (typeof version === 'string') this.#version = version;
    }
  }

  #query(parameters: Readonly<Record<string, string>>): URLSearchParams {
    const { labelSelector } = this.#options;
    return new URLSearchParams({ ...parameters, ...(labelSelector !== undefined && { labelSelector }) });
  }
}
