/** Live entries, indexed by each identifier that the sources have for them. */
import type { Entry } from './connection.js';

export class Entries {
  readonly #all = new Set<Entry>();
  readonly #byFlow = new Map<string, Entry>();
  /** TCP only: several UDP sockets may have the same ends. */
  readonly #byKey = new Map<string, Entry>();
  /** By network namespace: before Linux 5.9, a cookie is unique only within one. */
  readonly #byCookie = new Map<number, Map<number, Entry>>();

  get size(): number {
    return this.#all.size;
  }

  /** In the order in which they were added. Removing the current entry is safe. */
  [Symbol.iterator](): IterableIterator<Entry> {
    return this.#all.values();
  }

  ofFlow(flowId: string): Entry | undefined {
    return this.#byFlow.get(flowId);
  }

  ofKey(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  ofCookie(netns: number, cookie: number): Entry | undefined {
    return this.#byCookie.get(netns)?.get(cookie);
  }

  add(entry: Entry): void {
    this.#all.add(entry);
    entry.isLive = true;
    if (entry.transport === 'tcp') this.#byKey.set(entry.key, entry);
    if (entry.flow_id !== undefined) this.#byFlow.set(entry.flow_id, entry);
  }

  setFlow(entry: Entry, flowId: string): void {
    entry.flow_id = flowId;
    this.#byFlow.set(flowId, entry);
  }

  setCookie(entry: Entry, cookie: number): void {
    this.#forgetCookie(entry);
    entry.cookie = cookie;
    let cookies = this.#byCookie.get(entry.netns);
    if (cookies === undefined) {
      cookies = new Map();
      this.#byCookie.set(entry.netns, cookies);
    }
    cookies.set(cookie, entry);
  }

  remove(entry: Entry): void {
    this.#all.delete(entry);
    entry.isLive = false;
    entry.successor = undefined;
    if (entry.flow_id !== undefined) this.#byFlow.delete(entry.flow_id);
    if (this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    this.#forgetCookie(entry);
  }

  #forgetCookie({ netns, cookie }: Entry): void {
    if (cookie === undefined) return;
    const cookies = this.#byCookie.get(netns);
    cookies?.delete(cookie);
    if (cookies?.size === 0) this.#byCookie.delete(netns);
  }
}
