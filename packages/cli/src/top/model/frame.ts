/** The data of one refresh, and how live connections become it. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import {
  type Connection,
  copyConnection,
  type EndedConnection,
  type LiveConnections,
  type LiveLosses,
  type OpenSocket,
  type Totals,
} from '@weir/tracer';
import { type EndedSum, EndedSums } from './ended.js';
import { Histories } from './history.js';

export interface Frame {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly nowNs: number;
  /** These change with the next refresh. */
  readonly connections: readonly Connection[];
  readonly sockets: readonly OpenSocket[];
  readonly ended: readonly EndedSum[];
  readonly totals: Totals;
  readonly lost: LiveLosses;
  /** Network namespaces that could not be read. */
  readonly unread: readonly { readonly netns: number; readonly reason: string }[];
  /** Reasons why something is never shown, from the start on. */
  readonly problems: readonly string[];
}

/** Returns a copy of a frame that later refreshes leave as it is. */
export function frozen(frame: Frame): Frame {
  return {
    ...frame,
    connections: frame.connections.map(copyConnection),
    ended: frame.ended.map((sum) => ({ ...sum })),
    totals: { ...frame.totals },
    lost: { ...frame.lost },
  };
}

/** Follows live connections from refresh to refresh. */
export class Watch {
  readonly histories = new Histories();
  readonly #live: LiveConnections;
  readonly #now: () => number;
  readonly #problems: readonly string[];
  readonly #sums = new EndedSums();
  /** The ends of the last connections, for whoever looks at their details. */
  readonly #endings = new BoundedMap<number, EndedConnection>(1_024);

  /**
   * @param now CLOCK_MONOTONIC, nanoseconds.
   * @param problems Further reasons why something is never shown.
   */
  constructor(live: LiveConnections, now: () => number, problems: readonly string[] = []) {
    this.#live = live;
    this.#now = now;
    this.#problems = [...live.problems.map(({ what }) => what), ...problems];
  }

  /** @throws as {@link LiveConnections.refresh}. */
  async refresh(): Promise<Frame> {
    await this.#live.refresh();
    const nowNs = this.#now();
    const { ended } = this.#live.takeEnded();
    const connections = [...(this.#live.views ?? this.#live)];
    this.#sums.refresh(connections, ended, nowNs);
    this.histories.record(connections);
    this.#keepEndings(ended);
    return {
      nowNs,
      connections,
      sockets: [...this.#live.openSockets],
      ended: [...this.#sums],
      totals: this.#live.totals,
      lost: this.#live.lost,
      unread: this.#live.failures.map(({ netns, error }) => ({ netns, reason: error.message })),
      problems: this.#problems,
    };
  }

  /** Returns how a connection ended, if it did so lately. */
  ending(id: number): EndedConnection | undefined {
    return this.#endings.get(id);
  }

  #keepEndings(ended: readonly EndedConnection[]): void {
    for (const ending of ended) this.#endings.set(ending.connection.id, ending);
  }
}
