/** Names of containers and pods, by what the control group shows of them. Nothing waits: a name is there the next time. */
import { Lookups } from '../lookups.js';
import type { ContainerNameDetails } from './names.js';
import { type ContainerSource, containerSources, findNames } from './sources.js';

/** Options of {@link ContainerNames}. */
export interface ContainerNamesOptions {
  /** The folder that holds the host's files: in a container, where its `/` is mounted. Default: `/`. */
  readonly root?: string;
  /** Gives up on a lookup after this time, milliseconds. Default 2,000. */
  readonly timeoutMs?: number;
  /** Containers that are remembered. Default 16,384. */
  readonly limit?: number;
  /** Time for which names are remembered, milliseconds: a container can be renamed. Default 60,000. */
  readonly keepMs?: number;
  /** Time for which the lack of names is remembered, milliseconds: a runtime may write them later. Default 5,000. */
  readonly keepNoneMs?: number;
  /** Milliseconds of a clock that never goes back. Default: performance.now(). */
  readonly now?: () => number;
}

/** What a process's control group shows of its container. */
export interface ContainerIdentity {
  readonly container_id?: string;
  readonly container_runtime?: string;
  readonly pod_uid?: string;
}

/** A lookup that was given up still has the names that were found before. Milliseconds. */
const GIVE_UP_MS = 500;

/** Ids that runtimes name by themselves are no names of files. */
const fileName = /^[0-9a-f]{64}$/;
const uid = /^[0-9a-f-]{32,36}$/;

/**
 * Looks names up in the files and sockets of Docker, containerd, CRI-O, Podman and Kubernetes, as far as this process may read them.
 * Disposing ends what is under way.
 */
export class ContainerNames implements Disposable {
  readonly #lookups: Lookups<ContainerNameDetails>;
  readonly #sources: readonly ContainerSource[];
  readonly #running = new Set<AbortController>();
  /** Details with names, by the details without them; each with the names that were known then. */
  readonly #joined = new WeakMap<
    object,
    { readonly names: ContainerNameDetails; readonly details: object }
  >();

  /** Makes an empty cache of names. */
  constructor({ root, timeoutMs = 2_000, ...options }: ContainerNamesOptions = {}) {
    this.#sources = containerSources(root);
    this.#lookups = new Lookups({
      ...options,
      timeoutMs: timeoutMs + GIVE_UP_MS,
      concurrency: 4,
      ask: (key) => this.#ask(key, timeoutMs),
      keepMs: options.keepMs ?? 60_000,
      keepNoneMs: options.keepNoneMs ?? 5_000,
    });
  }

  /** Lookups that wait or are under way. */
  get pending(): number {
    return this.#lookups.pending;
  }

  /** The names, if they are known; else a lookup starts. The same object as long as nothing has changed. */
  names({
    container_id = '',
    container_runtime = '',
    pod_uid = '',
  }: ContainerIdentity): ContainerNameDetails | undefined {
    const id = fileName.test(container_id) ? container_id : '';
    const pod = uid.test(pod_uid) ? pod_uid : '';
    return id === '' && pod === '' ? undefined : this.#lookups.get(`${id} ${pod} ${container_runtime}`);
  }

  /** The details with the names, as far as they are known. The same object as long as nothing has changed. */
  addTo<Details extends ContainerIdentity>(details: Details): Details & ContainerNameDetails {
    const names = this.names(details);
    if (names === undefined) return details;
    const known = this.#joined.get(details);
    if (known?.names === names) return known.details as Details & ContainerNameDetails;
    const joined = { ...details, ...names };
    this.#joined.set(details, { names, details: joined });
    return joined;
  }

  /** Ends all lookups. */
  [Symbol.dispose](): void {
    this.#lookups[Symbol.dispose]();
    for (const controller of this.#running) controller.abort();
  }

  async #ask(key: string, timeoutMs: number): Promise<ContainerNameDetails | undefined> {
    const [id, podUid, runtime] = key.split(' ').map((text) => (text === '' ? undefined : text));
    const controller = new AbortController();
    this.#running.add(controller);
    const timer = setTimeout(() => controller.abort(), timeoutMs).unref();
    try {
      return await findNames(this.#sources, { id, podUid, runtime }, controller.signal);
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
    }
  }
}
