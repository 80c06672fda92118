/** What happens to a running balancer, for those who watch it. */

/** Something that has happened. */
export interface BalancerEvent {
  /** RFC 3339. */
  readonly time: string;
  /** `message`: what the operator reads. `real`, `vip`: a change of health. `drain`: by hand. `applied`: another configuration. */
  readonly event: 'message' | 'real' | 'vip' | 'drain' | 'applied';
  readonly data: Readonly<Record<string, unknown>>;
}

/** Passes events on to all who watch at the moment. */
export class EventFeed {
  readonly #watchers = new Set<(event: BalancerEvent) => void>();

  /** Number of watchers. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Calls a function for each event from now on. @returns Ends that. */
  watch(watcher: (event: BalancerEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Something has happened. */
  add(event: BalancerEvent['event'], data: BalancerEvent['data']): void {
    if (this.#watchers.size === 0) return;
    const happened = { time: new Date().toISOString(), event, data };
    for (const watcher of this.#watchers) watcher(happened);
  }
}
